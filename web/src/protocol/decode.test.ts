import { describe, expect, it } from "vitest";
import { decodeServerFrame } from "./decode";

const frame = (value: unknown) => decodeServerFrame(JSON.stringify(value));
const whole = {
  id: "m1",
  seq: "7",
  user: { id: "1", username: "ada", display_name: "Ada", color: "#FFFFFF" },
  text: "hi",
  sent_at: 1,
};

describe("decodeServerFrame", () => {
  it.each([
    ["not JSON", "{"],
    ["nothing", ""],
    ["a number", "1e999"],
    ["null", "null"],
    ["a list", "[]"],
    ["no type", "{}"],
    ["a type that is no word", '{"type":1}'],
    ["a wrong field", '{"type":"ack","nonce":1,"id":"x","seq":"1","sent_at":0}'],
    ["a seq with a sign", '{"type":"gap","room":"a","from":"-1","to":"2"}'],
    ["a seq as a number", '{"type":"gap","room":"a","from":1,"to":2}'],
    ["a list that is none", '{"type":"messages","room":"a","messages":{}}'],
    ["deep nesting", `${"[".repeat(5_000)}${"]".repeat(5_000)}`],
  ])("drops %s", (_, raw) => expect(decodeServerFrame(raw).kind).toBe("malformed"));

  it.each(["poll", "__proto__", "constructor", "toString"])("passes over the unknown type %s", (type) => {
    expect(decodeServerFrame(`{"type":"${type}"}`).kind).toBe("unknown");
  });

  it("ignores fields it does not know", () => {
    const decoded = frame({ type: "left", room: "a", since: 3, __proto__: { admin: true } });
    expect(decoded).toEqual({ kind: "frame", frame: { type: "left", room: "a" } });
  });

  it("keeps the good messages of a batch with a bad one", () => {
    const decoded = frame({
      type: "messages",
      room: "a",
      messages: [whole, { ...whole, text: 3 }, { ...whole, id: "m2" }],
    });
    expect(
      decoded.kind === "frame" && decoded.frame.type === "messages" && decoded.frame.messages.map((m) => m.id),
    ).toEqual(["m1", "m2"]);
  });

  it("writes out what a frame leaves out", () => {
    const decoded = frame({ type: "messages", room: "a", messages: [whole] });
    expect(decoded.kind === "frame" && decoded.frame.type === "messages" && decoded.frame.messages[0]).toEqual({
      ...whole,
      user: { ...whole.user, badges: [] },
      emotes: [],
      mentions: [],
      reply_to: null,
      action: false,
      styled: true,
    });
  });

  it("never takes one person's removal for everyone's", () => {
    expect(frame({ type: "cleared", room: "a", username: 5 }).kind).toBe("malformed");
  });
});
