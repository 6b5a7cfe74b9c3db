import { Problem, SocketEnded, UnexpectedAnswer, Unreachable } from "./errors.js";
import { Link, type Farewell, type WebSocketClass } from "./link.js";
import { DEFAULT_RECONNECTS, isPassing, reconnectSeconds, type Reconnects } from "./retries.js";
import { Subscription, type Place, type Room } from "./subscription.js";
import type { Transport } from "./transport.js";

/** How a socket is set up. */
export interface SocketOptions {
  /** Where the socket is, if not where the server says. */
  url?: string;
  /** When it is opened again. */
  reconnects?: Partial<Reconnects>;
  /** After so long a silence the server is asked whether it is there; it says how often by itself. */
  heartbeatSeconds?: number;
  /** What waits for an app that does not read a topic: 1,000. Beyond, the topic is left until it has caught up. */
  mostWaiting?: number;
  /** Another class than the global one, such as that of the package `ws`. */
  WebSocket?: WebSocketClass;
}

// About the ticket alone: another one may do. That the session has ended is said where tickets are asked for.
const OTHER_TICKET = new Set(["invalid_ticket", "invalid_token", "token_expired", "unauthorized"]);
// A topic that could not be joined for a passing reason is asked for again after this.
const AGAIN_SECONDS = 2;
const MOST_WAITING = 1000;
const HANDSHAKE_SECONDS = 20;

/** One per client, with any number of topics; opens by itself, and again whenever it is lost. */
export class BaseSocket implements Room {
  private readonly subscriptions = new Map<string, Subscription<unknown>>();
  private readonly reconnects: Reconnects;
  private readonly kind: WebSocketClass;
  private link: Link | undefined;
  private greetedAt: number | undefined;
  // Whose socket it is, once it has been open: the places of one person mean nothing to another.
  private person: string | null | undefined;
  private ended = false;
  private error: unknown;
  private wake: (() => void) | undefined;
  private readonly online = () => this.wake?.();

  constructor(
    private readonly transport: Transport,
    private readonly options: SocketOptions,
  ) {
    const kind = options.WebSocket ?? (globalThis.WebSocket as WebSocketClass | undefined);
    if (kind === undefined) throw new TypeError("there is no WebSocket here: give one as an option");
    this.kind = kind;
    this.reconnects = { ...DEFAULT_RECONNECTS, ...options.reconnects };
    // Browsers say when the network is back.
    globalThis.addEventListener?.("online", this.online);
    void this.run();
  }

  /**
   * Any topic by its name. `place`: where one stands, as an earlier event said.
   *
   * Throws where the topic is joined already: every topic once.
   */
  join<T = unknown>(topic: string, place?: Place): Subscription<T> {
    if (this.subscriptions.has(topic)) throw new Error(`${topic} is joined already: every topic once`);
    const subscription = new Subscription<T>(this, topic, place ?? null, this.options.mostWaiting ?? MOST_WAITING);
    if (this.ended) {
      subscription.end(this.error);
    } else {
      this.subscriptions.set(topic, subscription as Subscription<unknown>);
      this.askToJoin(subscription as Subscription<unknown>);
    }
    return subscription;
  }

  /** Ends the socket, and all iterations over its topics. */
  close(): void {
    this.end(undefined);
  }

  // One connection after the other.

  private async run(): Promise<void> {
    for (let tried = 0; !this.ended; ) {
      let farewell: Farewell;
      try {
        farewell = await this.hold();
      } catch (error) {
        this.end(error);
        return;
      }
      if (!farewell.reconnect && !OTHER_TICKET.has(farewell.reason)) this.end(new SocketEnded(farewell.reason));
      if (this.ended) return;
      const lived = this.greetedAt === undefined ? 0 : (Date.now() - this.greetedAt) / 1000;
      tried = lived >= this.reconnects.steadySeconds ? 1 : tried + 1;
      const seconds = reconnectSeconds(this.reconnects, tried, farewell.afterSeconds);
      for (const subscription of this.subscriptions.values()) subscription.dropped(farewell.reason, seconds);
      await this.pause(seconds);
    }
  }

  /** Opens a connection and keeps it as long as it lasts. Rejects when coming back would change nothing. */
  private async hold(): Promise<Farewell> {
    this.greetedAt = undefined;
    try {
      const access = await this.transport.call<{ url: string; ticket: string }>({
        method: "GET",
        path: "/v1/realtime",
      });
      if (this.ended) return farewell("closed");
      const url = this.options.url ?? access.url;
      this.link = new Link(this.kind, url, access.ticket, this, this.options.heartbeatSeconds, HANDSHAKE_SECONDS);
    } catch (error) {
      if (error instanceof Unreachable || error instanceof UnexpectedAnswer) return farewell("unreachable");
      if (error instanceof Problem && isPassing(error.status, error.code)) {
        return farewell(error.code, error.retryAfterSeconds);
      }
      throw error;
    }
    const over = await this.link.over;
    this.link = undefined;
    return over;
  }

  private async pause(seconds: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, seconds * 1000);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.wake = undefined;
  }

  private end(error: unknown): void {
    if (this.ended) return;
    this.ended = true;
    this.error = error;
    globalThis.removeEventListener?.("online", this.online);
    for (const subscription of this.subscriptions.values()) subscription.end(error);
    this.subscriptions.clear();
    this.link?.end("closed");
    this.wake?.();
  }

  // What a link tells.

  greeted(personId: string | null): void {
    if (this.person !== undefined && this.person !== personId) {
      this.end(new SocketEnded("another_account"));
      return;
    }
    this.person = personId;
    this.greetedAt = Date.now();
    for (const subscription of this.subscriptions.values()) this.askToJoin(subscription);
  }

  find(topic: string): Subscription<unknown> | undefined {
    return this.subscriptions.get(topic);
  }

  refused(subscription: Subscription<unknown>, problem: Problem): void {
    if (!isPassing(problem.status, problem.code)) {
      this.forget(subscription);
      subscription.end(problem);
      return;
    }
    subscription.asked = undefined;
    const { link } = this;
    const again = () => {
      const isThere = link === this.link && this.subscriptions.get(subscription.topic) === subscription;
      if (isThere) this.askToJoin(subscription);
    };
    setTimeout(again, (problem.retryAfterSeconds ?? AGAIN_SECONDS) * 1000);
  }

  failed(error: unknown): void {
    this.end(error);
  }

  // What a subscription asks.

  /** Now, or as soon as there is a connection. */
  askToJoin(subscription: Subscription<unknown>): void {
    const isWanted = subscription.wantsToJoin && subscription.asked === undefined;
    if (this.link !== undefined && this.greetedAt !== undefined && isWanted) this.link.join(subscription);
  }

  askToLeave(subscription: Subscription<unknown>): void {
    if (subscription.isJoined || subscription.asked !== undefined) this.link?.leave(subscription.topic);
  }

  forget(subscription: Subscription<unknown>): void {
    if (this.subscriptions.get(subscription.topic) === subscription) this.subscriptions.delete(subscription.topic);
  }

  async askToPublish(topic: string, data: unknown): Promise<void> {
    if (this.link === undefined || this.greetedAt === undefined) {
      throw new Unreachable("the socket is lost at present", undefined, undefined);
    }
    await this.link.publish(topic, data);
  }
}

function farewell(reason: string, afterSeconds = 0): Farewell {
  return { reason, reconnect: true, afterSeconds };
}
