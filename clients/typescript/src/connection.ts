import { DEFAULT_RETRIES, type Retries } from "./retries.js";
import { MemoryStorage, type TokenStorage, type Tokens } from "./tokens.js";
import { Transport } from "./transport.js";

/** How a client is set up. */
export interface ConnectionOptions {
  /** Signs every call, instead of a session. */
  apiKey?: string;
  /** Where the tokens of a session are kept: in memory without it. */
  storage?: TokenStorage;
  /** When calls are made again. */
  retries?: Partial<Retries>;
  /** How long one try may take: 30. */
  timeoutSeconds?: number;
  /** Another `fetch` than the global one. */
  fetch?: typeof fetch;
}

/** A client's connection to one server; `Banyan` adds the API to it. */
export class Connection {
  protected readonly transport: Transport;

  constructor(baseUrl: string, options: ConnectionOptions = {}) {
    this.transport = new Transport({
      // Browsers want `fetch` to be called on the window.
      fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
      baseUrl: baseUrl.replace(/\/+$/, ""),
      apiKey: options.apiKey,
      storage: options.storage ?? new MemoryStorage(),
      retries: { ...DEFAULT_RETRIES, ...options.retries },
      timeoutSeconds: options.timeoutSeconds ?? 30,
    });
  }

  /** The session's tokens as they are now; null when nobody is signed in. */
  tokens(): Promise<Tokens | null> {
    return this.transport.session.tokens();
  }
}
