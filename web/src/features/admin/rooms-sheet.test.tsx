import { act, fireEvent, render, screen, within } from "@testing-library/react";
import { beforeAll, beforeEach, expect, it } from "vitest";
import { Administration } from "../../client/administration";
import { Api } from "../../client/api";
import { RoomDirectory } from "../../client/room-directory";
import { Toasts } from "../../client/toasts";
import { FakeTimers } from "../../testing/fake-timers";
import { RoomsSheet } from "./rooms-sheet";

const roomOf = (slug: string, style: string, archived = false) => ({
  id: "1",
  slug,
  title: slug.toUpperCase(),
  description: "",
  transformer: { name: style, sample_in: "hi", sample_out: `${style} hi` },
  settings: { slow_mode_seconds: 0, emote_only: false, unique_chat: false },
  viewers: 0,
  messages_per_second: 0,
  pinned: null,
  archived,
});

let calls: { line: string; body: unknown }[];
let rooms: object[];
let refusal: { status: number; code: string; detail: string; errors?: object[] } | null;
let entered: string[];

beforeAll(() => {
  HTMLDialogElement.prototype.showModal = function show() {
    this.open = true;
  };
  HTMLDialogElement.prototype.close = function close() {
    this.open = false;
  };
});

/** A body is read in more than one real turn. */
const network = () =>
  act(async () => {
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setTimeout(resolve));
  });

async function show() {
  const api = new Api(async (path, init) => {
    const body = init.body === undefined ? null : JSON.parse(String(init.body));
    if (init.method !== "GET") calls.push({ line: `${init.method} ${path.replace("/api/v1", "")}`, body });
    if (init.method === "GET") return Response.json({ rooms });
    if (refusal) return Response.json(refusal, { status: refusal.status });
    return init.method === "POST" && path.endsWith("/rooms")
      ? Response.json(roomOf(body.slug, body.transformer), { status: 201 })
      : new Response(null, { status: 204 });
  });
  const directory = new RoomDirectory({ api, timers: new FakeTimers(), visible: () => true });
  directory.watch();
  render(
    <RoomsSheet
      administration={new Administration(api)}
      directory={directory}
      toasts={new Toasts()}
      slug="bestie"
      onEnter={(slug) => entered.push(slug)}
      onClose={() => {}}
    />,
  );
  await network();
}

const write = (label: string, value: string) => fireEvent.change(screen.getByLabelText(label), { target: { value } });

beforeEach(() => {
  calls = [];
  entered = [];
  refusal = null;
  rooms = [roomOf("bestie", "bestie"), roomOf("ohio", "skibidi"), roomOf("two", "bestie"), roomOf("gone", "x", true)];
});

it("offers each style once, with what it does, and none at all", async () => {
  await show();
  const styles = screen.getAllByRole("radio").map((radio) => radio.closest("label")?.textContent);
  expect(styles).toEqual([
    "bestie“hi” becomes “bestie hi”",
    "skibidi“hi” becomes “skibidi hi”",
    "x“hi” becomes “x hi”",
    "plainLeaves text as it is.",
  ]);
});

it("makes a room once all that cannot be changed later is said, and goes there", async () => {
  await show();
  const make = screen.getByRole("button", { name: "Open the room" }) as HTMLButtonElement;
  write("Title", " Night shift ");
  write("Address", "Night");
  fireEvent.click(screen.getByRole("radio", { name: /^skibidi/ }));
  expect(make.disabled).toBe(true);
  write("Address", "night_shift");
  expect(make.disabled).toBe(false);
  fireEvent.click(make);
  await network();
  const body = { slug: "night_shift", title: "Night shift", description: "", transformer: "skibidi" };
  expect(calls).toEqual([{ line: "POST /rooms", body }]);
  expect(entered).toEqual(["night_shift"]);
});

it("shows what the server finds wrong beside the field", async () => {
  refusal = {
    status: 422,
    code: "validation_failed",
    detail: "",
    errors: [{ field: "slug", code: "invalid", detail: "that address is reserved" }],
  };
  await show();
  write("Title", "Night");
  write("Address", "admin");
  fireEvent.click(screen.getByRole("radio", { name: /^plain/ }));
  fireEvent.click(screen.getByRole("button", { name: "Open the room" }));
  await network();
  expect(screen.getByText("that address is reserved")).toBeDefined();
  expect(screen.getByLabelText("Address").getAttribute("aria-invalid")).toBe("true");
  expect(screen.queryByRole("alert")).toBeNull();
  expect(entered).toEqual([]);
});

it("tells a taken address at its field until another one is typed", async () => {
  refusal = { status: 409, code: "room_taken", detail: "" };
  await show();
  write("Title", "Night");
  write("Address", "bestie");
  fireEvent.click(screen.getByRole("radio", { name: /^plain/ }));
  fireEvent.click(screen.getByRole("button", { name: "Open the room" }));
  await network();
  const address = screen.getByLabelText("Address");
  expect(address.getAttribute("aria-invalid")).toBe("true");
  const hint = () => document.getElementById(address.getAttribute("aria-describedby") ?? "")?.textContent;
  expect(hint()).toBe("There is a room of that address already. Try another one.");
  expect(screen.queryByRole("alert")).toBeNull();
  write("Address", "bestie_2");
  expect(address.getAttribute("aria-invalid")).toBeNull();
  expect(hint()).toMatch(/for ever/);
});

it("closes the room one is in with two presses, and opens a closed one with one", async () => {
  await show();
  fireEvent.click(screen.getByRole("button", { name: "Close this room…" }));
  expect(calls).toEqual([]);
  fireEvent.click(screen.getByRole("button", { name: "Close it" }));
  await network();
  const closed = within(screen.getByRole("region", { name: "Closed rooms" }));
  expect(closed.getAllByRole("listitem").length).toBe(1);
  fireEvent.click(closed.getByRole("button", { name: "Open GONE again" }));
  await network();
  expect(calls.map(({ line }) => line)).toEqual(["DELETE /rooms/bestie", "POST /rooms/gone/restore"]);
});
