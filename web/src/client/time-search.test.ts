import { describe, expect, it } from "vitest";
import { messageAt } from "../testing/messages";
import { placeBefore, timeOfId } from "./time-search";

/** A room whose places and times are as uneven as real ones. */
function room(places: readonly [seq: bigint, time: number][]) {
  let probes = 0;
  const firstAfter = async (seq: string) => {
    probes += 1;
    const found = places.find(([place]) => place > BigInt(seq));
    return found ? messageAt(0, { seq: String(found[0]), sent_at: found[1] }) : null;
  };
  const newest = String(places.at(-1)?.[0] ?? 0n);
  return { at: (time: number) => placeBefore(firstAfter, time, newest), probes: () => probes };
}

/** Nothing from the time on may be before the place, and what is before the time and after the place is one page. */
function expectPlace(places: readonly [bigint, number][], place: string, time: number) {
  const wrong = places.filter(([seq, sent]) => seq <= BigInt(place) && sent >= time);
  const between = places.filter(([seq, sent]) => seq > BigInt(place) && sent < time);
  expect(wrong).toEqual([]);
  expect(between.length).toBeLessThanOrEqual(8);
}

describe("the place of a time", () => {
  const even = Array.from({ length: 5_000 }, (_, at): [bigint, number] => [BigInt(at + 1), at * 1_000]);
  // A burst, a silent night, and sequence numbers that jump by billions.
  const uneven = Array.from({ length: 5_000 }, (_, at): [bigint, number] => [
    BigInt(at) ** 5n + 7n,
    at < 4_000 ? at : 80_000_000 + at * 60_000,
  ]);

  it.each([
    ["even", even],
    ["uneven", uneven],
  ] as const)("is found in an %s room", async (_, places) => {
    for (const at of [0, 1, 17, 2_500, 3_999, 4_000, 4_001, 4_999]) {
      const time = places[at]?.[1] ?? 0;
      const searched = room(places);
      expectPlace(places, await searched.at(time), time);
      expect(searched.probes()).toBeLessThan(128);
    }
  });

  it("is the beginning for a time before it, and the end for one after it", async () => {
    expect(await room(even).at(-5)).toBe("0");
    expectPlace(even, await room(even).at(1e12), 1e12);
    expect(await room([]).at(5)).toBe("0");
  });
});

it("reads the time of an id, and of nothing else", () => {
  expect(timeOfId("0192f0e0-1234-7abc-8def-0123456789ab")).toBe(0x0192f0e01234);
  for (const id of ["", "id-1", "0192f0e0-1234-4abc-8def-0123456789ab", "<script>"]) expect(timeOfId(id)).toBeNull();
});
