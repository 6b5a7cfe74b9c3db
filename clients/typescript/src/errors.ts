import type { ProblemCode } from "./models.js";

/** What is wrong with one field: a dotted path such as `audience.kind`, a stable code, words for people. */
export interface FieldError {
  field: string;
  code: string;
  detail: string;
}

/** Base of everything that this package throws by itself. */
export class BanyanError extends Error {
  override name = "BanyanError";
}

/** A refusal as the server sends it (RFC 9457). */
export interface ProblemDocument {
  status: number;
  code: string;
  title?: string;
  detail?: string;
  request_id?: string;
  errors?: FieldError[];
}

/**
 * The server refused. `code` is stable and meant for programs, `detail` for people; `requestId` is in its log.
 *
 * An answer that is no problem document (of a proxy, for one) has the code `http_STATUS`.
 */
export class Problem extends BanyanError {
  override name = "Problem";
  readonly status: number;
  readonly code: ProblemCode | `http_${number}` | (string & {});
  readonly title: string;
  readonly detail: string;
  readonly requestId: string;
  readonly errors: readonly FieldError[];
  readonly retryAfterSeconds: number | undefined;

  constructor(document: ProblemDocument, retryAfterSeconds?: number) {
    super(`${document.status} ${document.code}: ${document.detail || document.title || ""}`);
    this.status = document.status;
    this.code = document.code;
    this.title = document.title ?? "";
    this.detail = document.detail ?? "";
    this.requestId = document.request_id ?? "";
    this.errors = document.errors ?? [];
    this.retryAfterSeconds = retryAfterSeconds;
  }

  /** What is wrong with that field, if anything. */
  errorOf(field: string): FieldError | undefined {
    return this.errors.find((error) => error.field === field);
  }
}

/**
 * No answer came, however often we asked: whether the call had its effect is not known.
 *
 * The same call with the same `idempotencyKey` finds out, and never has the effect twice.
 */
export class Unreachable extends BanyanError {
  override name = "Unreachable";

  constructor(
    message: string,
    readonly idempotencyKey: string | undefined,
    cause: unknown,
  ) {
    super(message, { cause });
  }
}

/**
 * The server wants the socket no more, so it is not opened again: `session_ended`, `too_many_sockets`.
 *
 * `another_account`: since it was lost, somebody else has signed in or out.
 */
export class SocketEnded extends BanyanError {
  override name = "SocketEnded";

  constructor(readonly reason: string) {
    super(reason);
  }
}

/** The server answered something else than its documentation says; a newer package may know it. */
export class UnexpectedAnswer extends BanyanError {
  override name = "UnexpectedAnswer";
}
