import { describe, expect, it } from "vitest";
import type { ChatMessage } from "../protocol/message";
import { messageAt } from "../testing/messages";
import { PEOPLE_MAX, RECALL_MAX, Recall } from "./recall";

const from = (seq: number, username: string, part: Partial<ChatMessage> = {}) => {
  const message = messageAt(seq, part);
  return { ...message, user: { ...message.user, username, display_name: username.toUpperCase() } };
};
const answering = (parent: ChatMessage) => ({
  reply_to: { id: parent.id, username: parent.user.username, display_name: "X", excerpt: "x" },
});

describe("threads", () => {
  it("are all lines that answer one another, in the room's order", () => {
    const recall = new Recall();
    const root = from(9, "ada");
    const one = from(10, "bo", answering(root));
    const two = from(11, "ada", answering(one));
    const other = from(12, "cy");
    const beside = from(13, "cy", answering(root));
    recall.take([root, other, beside, two, one]);
    for (const line of [root, one, two, beside])
      expect(recall.thread(line.id)?.messages.map((message) => message.seq)).toEqual(["9", "10", "11", "13"]);
    expect(recall.thread(other.id)).toBeNull();
  });

  it("say what their first line answers when that is not known", () => {
    const recall = new Recall();
    const gone = from(1, "ada");
    const line = from(2, "bo", answering(gone));
    recall.take([line]);
    expect(recall.thread(line.id)).toEqual({ messages: [line], missing: line.reply_to });
  });

  it("end also when lines claim to answer each other in a ring", () => {
    const recall = new Recall();
    const one = from(1, "ada");
    const two = from(2, "bo", answering(one));
    recall.take([{ ...one, ...answering(two) }, two]);
    expect(recall.thread(one.id)?.messages.length).toBe(2);
  });
});

describe("names", () => {
  it("begin with what was typed before they contain it, those one talks with first, then the latest", () => {
    const recall = new Recall();
    for (const [seq, name] of ["anna", "joanna", "anton", "andrea"].entries()) recall.take([from(seq, name)]);
    const named = () => recall.named("AN", 10, "andrea").map((person) => person.username);
    expect(named()).toEqual(["anton", "anna", "joanna"]);
    recall.talkedWith("anna");
    expect(named()).toEqual(["anna", "anton", "joanna"]);
  });
});

it("stays small whatever comes", () => {
  const recall = new Recall();
  const many = Array.from({ length: RECALL_MAX + PEOPLE_MAX }, (_, seq) => from(seq, `user_${seq}`));
  recall.take(many);
  expect(recall.get(many[0]?.id ?? "")).toBeNull();
  expect(recall.get(many.at(-1)?.id ?? "")).not.toBeNull();
  expect(recall.named("user", 10_000, null).length).toBe(PEOPLE_MAX);
});

it("forgets what was taken away", () => {
  const recall = new Recall();
  const line = from(1, "ada");
  recall.take([line, from(2, "ada")]);
  recall.remove((message) => message.id === line.id);
  expect(recall.linesOf("ada").map((message) => message.seq)).toEqual(["2"]);
});
