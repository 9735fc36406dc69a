import type { FieldError } from "../protocol/__generated__/protocol";

/** A call that was refused or never answered. `code` is a word of the protocol, or `unreachable`. */
export class CallProblem extends Error {
  readonly code: string;
  readonly status: number;
  readonly fields: readonly FieldError[];
  readonly retryAfterMs: number | null;

  constructor(
    code: string,
    status: number,
    detail: string,
    fields: readonly FieldError[] = [],
    retryAfterMs: number | null = null,
  ) {
    super(detail);
    this.name = "CallProblem";
    this.code = code;
    this.status = status;
    this.fields = fields;
    this.retryAfterMs = retryAfterMs;
  }
}

export const isAbort = (error: unknown): boolean => error instanceof DOMException && error.name === "AbortError";
