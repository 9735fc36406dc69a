const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });

export const clockTime = (time: number): string => clock.format(time);
export const exactTime = (time: number): string => exact.format(time);

/** A day as people call it, given the midnights of it and of today. */
export function dayName(day: number, today: number): string {
  if (day === today) return "Today";
  // Noon of the day before, whatever the clocks did in the night.
  if (new Date(today - 43_200_000).setHours(0, 0, 0, 0) === day) return "Yesterday";
  return weekday.format(day);
}

export const midnight = (time: number): number => new Date(time).setHours(0, 0, 0, 0);

/** What a `datetime-local` box takes: local time to the minute. */
export function inputTime(time: number): string {
  const date = new Date(time);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${String(date.getFullYear()).padStart(4, "0")}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day}T${two(date.getHours())}:${two(date.getMinutes())}`;
}
