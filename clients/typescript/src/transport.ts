import { Problem, UnexpectedAnswer, Unreachable, type ProblemDocument } from "./errors.js";
import { Pages, type Page } from "./pages.js";
import { isPassing, orAborted, readRetryAfter, sleep, waitSeconds, type Retries } from "./retries.js";
import { Session, newKey, type NewTokens, type TokenStorage, type Tokens } from "./tokens.js";

/** What every call may be given beside its own parameters. */
export interface CallOptions {
  /** Ends the call, and its waiting for another try. */
  signal?: AbortSignal;
}

/** What a call by POST may be given. */
export interface PostOptions extends CallOptions {
  /**
   * Repeats an earlier call: for 24 hours the same key and body get the first answer, with no second effect.
   * Without it each call has a key of its own, the same for all its tries.
   */
  idempotencyKey?: string;
}

type Value = string | number | boolean | null | undefined;
/** A query as an object; what is null or undefined is left out, a list repeats its name. */
export type Query = { readonly [name: string]: Value | readonly Value[] };

/** One call as the generated methods describe it. */
export interface Call {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  path: string;
  query?: object;
  /** Sent as JSON, unless `contentType` says otherwise. */
  body?: unknown;
  contentType?: string;
  /** The answer is a file. */
  bytes?: boolean;
  /** False where the body proves who asks. */
  signed?: boolean;
  keepsTokens?: boolean;
  forgetsTokens?: boolean;
  timeoutSeconds?: number;
  options?: PostOptions;
}

/** What a client is made with. */
export interface Settings {
  fetch: typeof fetch;
  baseUrl: string;
  apiKey: string | undefined;
  storage: TokenStorage;
  retries: Retries;
  timeoutSeconds: number;
}

interface Answer {
  status: number;
  ok: boolean;
  headers: Headers;
  body: ArrayBuffer;
}

// Refusals of the access token itself; any other 401 is about what the request says.
const OUTDATED = new Set(["token_expired", "invalid_token"]);
// Removed or followed wherever addresses are read, however they are escaped.
const NO_SEGMENTS = new Set(["", ".", ".."]);
// A lost refresh may be repeated for 30 seconds: three tries of this length fit.
const REFRESH_TRY_SECONDS = 8;

/** Makes calls on one server: encoded once, signed, tried again where that is safe, and decoded. */
export class Transport {
  readonly session: Session;

  constructor(private readonly settings: Settings) {
    this.session = new Session(settings.storage, (token, key) => this.exchange(token, key));
  }

  /** The answer's value; undefined where it has no body. Throws Problem, Unreachable, UnexpectedAnswer. */
  async call<T>(call: Call): Promise<T> {
    const answer = await this.send(call);
    const value = decode(call, answer);
    if (call.keepsTokens && holdsTokens(value)) await this.session.keep(value);
    if (call.forgetsTokens) await this.session.forget();
    return value as T;
  }

  /** A list whose pages are fetched as they are read. */
  list<T>(call: Call, cursor: string | undefined): Pages<T> {
    return new Pages((at) => this.call<Page<T>>({ ...call, query: { ...call.query, cursor: at } }), cursor);
  }

  private exchange(refreshToken: string, key: string): Promise<NewTokens> {
    return this.call<NewTokens>({
      method: "POST",
      path: "/v1/auth/refresh",
      body: { refresh_token: refreshToken },
      signed: false,
      timeoutSeconds: REFRESH_TRY_SECONDS,
      options: { idempotencyKey: key },
    });
  }

  /** The answer to a request that succeeded, of whichever try. */
  private async send(call: Call): Promise<Answer> {
    const request = this.request(call);
    const signal = call.options?.signal;
    let lost = false;
    let renewed = false;
    for (let tried = 1; ; tried++) {
      const tokens = call.signed === false ? null : await orAborted(this.sign(request.headers), signal);
      let wait: number | undefined;
      const answer = await this.fetch(request, call).catch((error: unknown) => {
        signal?.throwIfAborted();
        wait = waitSeconds(this.settings.retries, tried);
        if (wait !== undefined) return undefined;
        const key = request.headers.get("Idempotency-Key") ?? undefined;
        throw new Unreachable(`${call.method} ${call.path}: ${String(error)}`, key, error);
      });
      if (answer === undefined) {
        lost = true;
      } else {
        if (answer.ok || (lost && isGone(call, answer))) return answer;
        const problem = readProblem(answer);
        if (tokens !== null && OUTDATED.has(problem.code) && !renewed) {
          renewed = true;
          await orAborted(this.session.renew(tokens), signal);
          continue;
        }
        if (isPassing(problem.status, problem.code)) {
          wait = waitSeconds(this.settings.retries, tried, problem.retryAfterSeconds);
        }
        if (wait === undefined) throw problem;
      }
      await sleep(wait ?? 0, signal);
    }
  }

  /** Made once for all tries: a key belongs to these very bytes. */
  private request(call: Call): { url: string; headers: Headers; body: BodyInit | undefined } {
    const headers = new Headers({ Accept: "application/json, */*;q=0.5" });
    let body: BodyInit | undefined;
    if (call.body !== undefined) {
      headers.set("Content-Type", call.contentType ?? "application/json");
      body = call.contentType === undefined ? JSON.stringify(call.body) : (call.body as BodyInit);
    }
    if (call.method === "POST") headers.set("Idempotency-Key", call.options?.idempotencyKey ?? newKey());
    const query = encodeQuery((call.query ?? {}) as Query);
    return { url: this.settings.baseUrl + call.path + query, headers, body };
  }

  /** Puts the present credential on a request; returns the tokens where it is theirs. */
  private async sign(headers: Headers): Promise<Tokens | null> {
    if (this.settings.apiKey !== undefined) {
      headers.set("Authorization", `Bearer ${this.settings.apiKey}`);
      return null;
    }
    const tokens = await this.session.freshTokens();
    if (tokens === null) headers.delete("Authorization");
    else headers.set("Authorization", `Bearer ${tokens.accessToken}`);
    return tokens;
  }

  /** One try, its body read to the end. */
  private async fetch(request: { url: string; headers: Headers; body: BodyInit | undefined }, call: Call) {
    const signal = call.options?.signal;
    signal?.throwIfAborted();
    const controller = new AbortController();
    const seconds = call.timeoutSeconds ?? this.settings.timeoutSeconds;
    const timer = setTimeout(() => controller.abort(new Error(`no answer within ${seconds} s`)), seconds * 1000);
    const stop = () => controller.abort(signal?.reason);
    signal?.addEventListener("abort", stop, { once: true });
    try {
      const { url, headers, body } = request;
      const { fetch } = this.settings;
      const response = await fetch(url, { method: call.method, headers, body: body ?? null, signal: controller.signal });
      return { status: response.status, ok: response.ok, headers: response.headers, body: await response.arrayBuffer() };
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
    }
  }
}

/**
 * A path with its parts escaped: path`/v1/posts/${postId}`.
 *
 * Throws RangeError for a part that would name another path than it was meant for.
 */
export function path(texts: TemplateStringsArray, ...parts: (string | number)[]): string {
  return texts.map((text, place) => text + (place < parts.length ? segment(String(parts[place])) : "")).join("");
}

function segment(text: string): string {
  if (NO_SEGMENTS.has(text)) throw new RangeError(`"${text}" names nothing`);
  return encodeURIComponent(text);
}

function encodeQuery(query: Query): string {
  const pairs: string[] = [];
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== null && one !== undefined) pairs.push(`${encodeURIComponent(name)}=${encodeURIComponent(String(one))}`);
    }
  }
  return pairs.length > 0 ? `?${pairs.join("&")}` : "";
}

/** Whether an earlier try, whose answer was lost, has removed what this one does not find. */
function isGone(call: Call, answer: Answer): boolean {
  return call.method === "DELETE" && answer.status === 404;
}

function decode(call: Call, answer: Answer): unknown {
  if (call.bytes) return new Uint8Array(answer.body);
  if (answer.body.byteLength === 0 || !answer.ok) return undefined;
  try {
    return JSON.parse(new TextDecoder().decode(answer.body));
  } catch (error) {
    throw new UnexpectedAnswer(`${call.method} ${call.path}: ${String(error)}`);
  }
}

function holdsTokens(value: unknown): value is NewTokens {
  return typeof value === "object" && value !== null && "refresh_token" in value;
}

function readProblem(answer: Answer): Problem {
  const retryAfter = readRetryAfter(answer.headers.get("Retry-After"));
  const { status } = answer;
  try {
    const document = JSON.parse(new TextDecoder().decode(answer.body)) as ProblemDocument;
    if (typeof document.code === "string") return new Problem({ ...document, status }, retryAfter);
  } catch {
    // Not JSON: a proxy's page.
  }
  const requestId = answer.headers.get("X-Request-Id") ?? "";
  return new Problem({ status, code: `http_${status}`, request_id: requestId }, retryAfter);
}
