import type { Socket } from "../client/connection";
import type { ClientFrame } from "../protocol/__generated__/protocol";

/** The server's end of a socket in memory. */
export class FakeSocket implements Socket {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  readonly sent: ClientFrame[] = [];
  closed = false;

  send(data: string): void {
    this.sent.push(JSON.parse(data));
  }

  close(): void {
    this.closed = true;
  }

  /** A frame from the server. */
  say(frame: object): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  sayRaw(data: unknown): void {
    this.onmessage?.({ data });
  }

  hello(): void {
    this.say({ type: "hello", server: "twitchy/test", heartbeat_ms: 30_000, limits: {} });
  }

  /** The server or the network ends it. */
  end(code: number): void {
    this.onclose?.({ code });
  }

  sentOf<T extends ClientFrame["type"]>(type: T): Extract<ClientFrame, { type: T }>[] {
    return this.sent.filter((frame): frame is Extract<ClientFrame, { type: T }> => frame.type === type);
  }
}
