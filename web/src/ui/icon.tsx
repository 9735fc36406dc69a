const PATHS = {
  sun: "M10 3v1.5M10 15.5V17M3 10h1.5M15.5 10H17M5 5l1 1M14 14l1 1M15 5l-1 1M6 14l-1 1M13 10a3 3 0 1 1-6 0 3 3 0 0 1 6 0Z",
  moon: "M16 11.5A6.5 6.5 0 0 1 8.5 4a6.5 6.5 0 1 0 7.5 7.5Z",
  sliders: "M3 6h7M14 6h3M3 14h3M10 14h7M12 4v4M8 12v4",
  reply: "M8 5 4 9l4 4M4 9h7a5 5 0 0 1 5 5v1",
  thread: "M4 4.5h12v8H9l-3.5 3v-3H4v-8ZM7 7.5h6M7 10h4",
  clock: "M17 10a7 7 0 1 1-14 0 7 7 0 0 1 14 0ZM10 6v4.2l2.6 1.6",
  at: "M13 10a3 3 0 1 1-6 0 3 3 0 0 1 6 0ZM13 7v4.2a2 2 0 0 0 4 0V10a7 7 0 1 0-2.8 5.6",
  pause: "M7 4.5v11M13 4.5v11",
  play: "M7 4.5v11l8.5-5.5L7 4.5Z",
  close: "m5 5 10 10M15 5 5 15",
  down: "M10 4v12M5 11l5 5 5-5",
  chevron: "m6 8 4 4 4-4",
  arrow: "M4 10h12M11 5l5 5-5 5",
  person: "M10 10a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM4 17c.6-3 3-4.5 6-4.5s5.4 1.5 6 4.5",
  eye: "M2.5 10S5 5 10 5s7.5 5 7.5 5-2.5 5-7.5 5-7.5-5-7.5-5ZM12 10a2 2 0 1 1-4 0 2 2 0 0 1 4 0Z",
  info: "M10 9v5M10 6.2v.1M17 10a7 7 0 1 1-14 0 7 7 0 0 1 14 0Z",
  pin: "M7 3h6l-1 5 3 3H5l3-3-1-5ZM10 11v6",
  trash: "M4 5.5h12M8 5.5V4h4v1.5M5.5 5.5l.7 11h7.6l.7-11M8.5 8.5v5M11.5 8.5v5",
  shield: "M10 2.8 4 5v4.5c0 3.8 2.5 6.5 6 7.7 3.5-1.2 6-3.9 6-7.7V5l-6-2.2Z",
  smile: "M17 10a7 7 0 1 1-14 0 7 7 0 0 1 14 0ZM7.2 11.8c.6 1 1.6 1.6 2.8 1.6s2.2-.6 2.8-1.6M7.6 8v.1M12.4 8v.1",
  star: "m10 3.2 2.1 4.4 4.8.6-3.5 3.3.9 4.8-4.3-2.4-4.3 2.4.9-4.8-3.5-3.3 4.8-.6L10 3.2Z",
  plus: "M10 4v12M4 10h12",
} as const;

export function Icon({ name, size = 20 }: { name: keyof typeof PATHS; size?: number }) {
  return (
    <svg
      aria-hidden="true"
      width={size}
      height={size}
      viewBox="0 0 20 20"
      fill="none"
      stroke="currentColor"
      strokeWidth={1.5}
      strokeLinecap="round"
      strokeLinejoin="round"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
