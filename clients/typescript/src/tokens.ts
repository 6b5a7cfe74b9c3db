import { Problem } from "./errors.js";

/**
 * What a session is called with. `expiresAt` is in milliseconds since 1970, by this machine's clock.
 *
 * `refreshKey` is the Idempotency-Key of the next refresh. Kept beside the token, it lets a refresh whose answer was
 * lost be repeated, also by another tab or after a reload, for 30 seconds.
 */
export interface Tokens {
  accessToken: string;
  refreshToken: string;
  expiresAt: number;
  refreshKey: string;
}

/** What sign-up, sign-in and refresh answer. */
export interface NewTokens {
  access_token: string;
  refresh_token: string;
  expires_in: number;
}

/** Where an app keeps the tokens. Several tabs or processes may share one. */
export interface TokenStorage {
  /** What was saved last; asked at the first call and before each refresh. */
  load(): Tokens | null | Promise<Tokens | null>;
  /** Keeps the tokens; null when the session has ended. */
  save(tokens: Tokens | null): void | Promise<void>;
}

/** Keeps the tokens as long as the page or the process lives. */
export class MemoryStorage implements TokenStorage {
  constructor(private tokens: Tokens | null = null) {}

  load(): Tokens | null {
    return this.tokens;
  }

  save(tokens: Tokens | null): void {
    this.tokens = tokens;
  }
}

/** Keeps the tokens in a browser's localStorage: all tabs of the site share the session, and it outlives them. */
export class LocalStorage implements TokenStorage {
  constructor(private readonly name = "banyan.tokens") {}

  load(): Tokens | null {
    try {
      return JSON.parse(localStorage.getItem(this.name) ?? "null") as Tokens | null;
    } catch {
      // Not ours, or cut off: one has to sign in again.
      return null;
    }
  }

  save(tokens: Tokens | null): void {
    if (tokens === null) localStorage.removeItem(this.name);
    else localStorage.setItem(this.name, JSON.stringify(tokens));
  }
}

// An access token is renewed this long before its end: clocks differ, and a request takes its time.
const EARLY_MILLISECONDS = 20_000;

/** Gives each call its tokens. `exchange` asks the server for the next pair. */
export class Session {
  private current: Tokens | null = null;
  private loaded = false;
  private refreshing: Promise<Tokens | null> | undefined;

  constructor(
    private readonly storage: TokenStorage,
    private readonly exchange: (refreshToken: string, key: string) => Promise<NewTokens>,
  ) {}

  /** The tokens as they are now; null when nobody is signed in. */
  async tokens(): Promise<Tokens | null> {
    if (!this.loaded) {
      const kept = await this.storage.load();
      // Somebody may have signed in while the storage was being read.
      if (!this.loaded) this.current = kept;
      this.loaded = true;
    }
    return this.current;
  }

  /** Tokens that hold, renewed if need be; null when nobody is signed in. Throws Problem, Unreachable. */
  async freshTokens(): Promise<Tokens | null> {
    const tokens = await this.tokens();
    return tokens !== null && isOutdated(tokens) ? this.renew(tokens) : tokens;
  }

  /**
   * Newer tokens than these. However many ask at once, one request is made.
   *
   * Throws Problem when the session has ended (the tokens are forgotten then), Unreachable.
   */
  async renew(outdated: Tokens): Promise<Tokens | null> {
    const tokens = await this.tokens();
    if (tokens === null || tokens.refreshToken !== outdated.refreshToken) return tokens;
    this.refreshing ??= this.refresh(tokens).finally(() => {
      this.refreshing = undefined;
    });
    return this.refreshing;
  }

  /** From now on calls are made with these. */
  async keep(fresh: NewTokens): Promise<Tokens> {
    const tokens = {
      accessToken: fresh.access_token,
      refreshToken: fresh.refresh_token,
      expiresAt: Date.now() + fresh.expires_in * 1000,
      refreshKey: newKey(),
    };
    await this.set(tokens);
    return tokens;
  }

  /** From now on calls are anonymous. */
  async forget(): Promise<void> {
    await this.set(null);
  }

  private async set(tokens: Tokens | null): Promise<void> {
    this.current = tokens;
    this.loaded = true;
    await this.storage.save(tokens);
  }

  private async refresh(outdated: Tokens): Promise<Tokens | null> {
    const tokens = await this.newest(outdated);
    if (tokens !== outdated && !isOutdated(tokens)) return tokens;
    let fresh: NewTokens;
    try {
      fresh = await this.exchange(tokens.refreshToken, tokens.refreshKey);
    } catch (error) {
      if (error instanceof Problem && error.status === 401 && this.current === tokens) await this.forget();
      throw error;
    }
    // Somebody may have signed in or out meanwhile: that stays.
    return this.current === tokens ? this.keep(fresh) : this.current;
  }

  /** What the storage holds where another tab has renewed the tokens: only these may be exchanged. */
  private async newest(outdated: Tokens): Promise<Tokens> {
    const kept = await this.storage.load();
    if (kept === null || kept.refreshToken === outdated.refreshToken || this.current !== outdated) return outdated;
    this.current = kept;
    return kept;
  }
}

function isOutdated(tokens: Tokens): boolean {
  return tokens.expiresAt - EARLY_MILLISECONDS <= Date.now();
}

/** A new Idempotency-Key: 128 random bits. */
export function newKey(): string {
  const bytes = new Uint8Array(16);
  // Node 18 has no global `crypto`; a key has to be unique, not secret.
  if (globalThis.crypto) globalThis.crypto.getRandomValues(bytes);
  else bytes.forEach((_, place) => (bytes[place] = Math.floor(Math.random() * 256)));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
