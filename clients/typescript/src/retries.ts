/** When a call is made again, and how long it waits before that. */
export interface Retries {
  /** How many tries in all: 4. */
  tries: number;
  /** The first wait: 0.25. Each one after it is twice as long, drawn at random from its upper half. */
  baseSeconds: number;
  /** The longest wait of our own: 8. */
  capSeconds: number;
  /** A longer `Retry-After` is not waited for, its refusal is thrown at once: 30. */
  patienceSeconds: number;
}

export const DEFAULT_RETRIES: Retries = { tries: 4, baseSeconds: 0.25, capSeconds: 8, patienceSeconds: 30 };

// What passes by itself. 502 and 504 are a proxy's words for a server that is being restarted.
const PASSING = new Set([429, 502, 503, 504]);
// Another request with the same key is being answered: its answer will be ours.
const PASSING_CODE = "idempotency_raced";

/** How long to wait after the `tried`-th try; undefined to give up. */
export function waitSeconds(retries: Retries, tried: number, retryAfterSeconds?: number): number | undefined {
  if (tried >= retries.tries) return undefined;
  const longest = Math.min(retries.capSeconds, retries.baseSeconds * 2 ** (tried - 1));
  // Clients that failed together must not come back together.
  const drawn = longest * (0.5 + Math.random() / 2);
  if (retryAfterSeconds === undefined) return drawn;
  return retryAfterSeconds <= retries.patienceSeconds ? retryAfterSeconds + drawn / 2 : undefined;
}

/** When a socket that was lost is opened again, no sooner than the server has asked for. */
export interface Reconnects {
  /** The first wait: 0.5. Each one after it is twice as long, drawn at random from its upper half. */
  baseSeconds: number;
  /** The longest wait of our own: 30. */
  capSeconds: number;
  /** After a socket that lasted so long it begins anew: 10. */
  steadySeconds: number;
}

export const DEFAULT_RECONNECTS: Reconnects = { baseSeconds: 0.5, capSeconds: 30, steadySeconds: 10 };

/** How long to wait before the next try, after so many in a row that did not last. */
export function reconnectSeconds(reconnects: Reconnects, tried: number, afterSeconds: number): number {
  const longest = Math.min(reconnects.capSeconds, reconnects.baseSeconds * 2 ** Math.min(tried - 1, 30));
  return afterSeconds + longest * (0.5 + Math.random() / 2);
}

/** Whether the same request may succeed later. */
export function isPassing(status: number, code: string): boolean {
  return PASSING.has(status) || code === PASSING_CODE;
}

/** Seconds from a `Retry-After` header, which holds seconds or a date. */
export function readRetryAfter(value: string | null): number | undefined {
  if (value === null || value.trim() === "") return undefined;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return Math.max(0, seconds);
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, (date - Date.now()) / 1000);
}

/** Resolves after that time; rejects with the signal's reason when it is aborted meanwhile. */
export function sleep(seconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, seconds * 1000);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** The promise's outcome, or the signal's reason if that is aborted first; what the promise does goes on. */
export function orAborted<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
