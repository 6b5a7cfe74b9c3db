import { Problem, UnexpectedAnswer, Unreachable, type ProblemDocument } from "./errors.js";
import type { Subscription } from "./subscription.js";

/** As much of a WebSocket as is needed here: browsers have it, Node from version 22 on, and the package `ws`. */
export interface WebSocketLike {
  send(text: string): void;
  close(): void;
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
}

export type WebSocketClass = new (url: string) => WebSocketLike;

/** How a connection ended: in the server's words where it had some. */
export interface Farewell {
  reason: string;
  reconnect: boolean;
  afterSeconds: number;
}

/** What a link tells of. */
export interface Listener {
  greeted(personId: string | null): void;
  refused(subscription: Subscription<unknown>, problem: Problem): void;
  failed(error: unknown): void;
  find(topic: string): Subscription<unknown> | undefined;
}

/** Any frame of the server. */
interface Frame {
  type: string;
  id?: number | string | null;
  topic?: string | null;
  data?: unknown;
  durable?: boolean;
  recovered?: boolean;
  epoch?: string | null;
  offset?: number | string | null;
  reason?: string;
  reconnect?: boolean;
  after_seconds?: number;
  person_id?: string | null;
  heartbeat_seconds?: number;
  retry_after_seconds?: number;
  limits?: { frames_per_second?: number };
  states?: { topic: string; data: unknown }[];
}

interface Asked {
  resolve(): void;
  reject(error: unknown): void;
}

const VERSION = 1;
const HELLO_ID = 0;
// Until the server says how often it does so.
const HEARTBEAT_SECONDS = 25;
// Well below what a server allows: more frames than that get a socket cut.
const AT_ONCE = 40;
const SHARE = 0.8;
const FRAMES_PER_SECOND = 20;
const UNAUTHORIZED = 401;

/** One WebSocket from hello to goodbye: frames in, frames out, no faster than the server takes them. */
export class Link {
  /** How it ended; never rejects. */
  readonly over: Promise<Farewell>;
  private readonly socket: WebSocketLike;
  private finish!: (farewell: Farewell) => void;
  private finished = false;
  private readonly asked = new Map<number, Asked>();
  private lastId = HELLO_ID;
  private heartbeatSeconds: number;
  private heartbeat: ReturnType<typeof setTimeout> | undefined;
  private readonly outbox: string[] = [];
  private sending: ReturnType<typeof setTimeout> | undefined;
  private framesPerSecond = FRAMES_PER_SECOND * SHARE;
  private left = AT_ONCE;
  private since = Date.now();

  /** Throws what `kind` throws for an address that it does not take. */
  constructor(
    kind: WebSocketClass,
    url: string,
    ticket: string,
    private readonly listener: Listener,
    private readonly wantedHeartbeat: number | undefined,
    handshakeSeconds: number,
  ) {
    this.heartbeatSeconds = wantedHeartbeat ?? HEARTBEAT_SECONDS;
    this.over = new Promise((resolve) => (this.finish = resolve));
    this.socket = new kind(url);
    this.heartbeat = setTimeout(() => this.end("unreachable"), handshakeSeconds * 1000);
    this.socket.onopen = () => {
      this.send({ type: "hello", version: VERSION, ticket, id: HELLO_ID });
      this.listen(false);
    };
    this.socket.onmessage = (event) => this.hear(String(event.data));
    this.socket.onclose = () => this.end("lost");
    // A close follows, which says nothing more either.
    this.socket.onerror = () => this.end("unreachable");
  }

  join(subscription: Subscription<unknown>): void {
    subscription.asked = ++this.lastId;
    const { epoch, offset } = subscription.place ?? {};
    this.queue({ type: "subscribe", topic: subscription.topic, id: subscription.asked, epoch, offset });
  }

  leave(topic: string): void {
    this.queue({ type: "unsubscribe", topic });
  }

  publish(topic: string, data: unknown): Promise<void> {
    const id = ++this.lastId;
    this.queue({ type: "publish", topic, data, id });
    return new Promise((resolve, reject) => this.asked.set(id, { resolve, reject }));
  }

  /** Ends it here and now. */
  end(reason: string, reconnect = true, afterSeconds = 0): void {
    if (this.finished) return;
    this.finished = true;
    clearTimeout(this.heartbeat);
    clearTimeout(this.sending);
    this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
    // Some implementations report a close before the opening as an error that somebody must hear.
    this.socket.onerror = () => undefined;
    this.socket.close();
    for (const asked of this.asked.values()) asked.reject(new Unreachable("the socket was lost", undefined, reason));
    this.finish({ reason, reconnect, afterSeconds });
  }

  private send(frame: object): void {
    this.socket.send(JSON.stringify(frame));
  }

  private queue(frame: object): void {
    this.outbox.push(JSON.stringify(frame));
    if (this.sending === undefined) this.sendWaiting();
  }

  private sendWaiting(): void {
    this.sending = undefined;
    const now = Date.now();
    this.left = Math.min(AT_ONCE, this.left + ((now - this.since) / 1000) * this.framesPerSecond);
    this.since = now;
    while (this.outbox.length > 0 && this.left >= 1) {
      this.left--;
      this.socket.send(this.outbox.shift()!);
    }
    if (this.outbox.length > 0) {
      const seconds = (1 - this.left) / this.framesPerSecond;
      this.sending = setTimeout(() => this.sendWaiting(), Math.ceil(seconds * 1000));
    }
  }

  /** After a silence the server is asked whether it is there; after another one it is not. */
  private listen(pinged: boolean): void {
    clearTimeout(this.heartbeat);
    this.heartbeat = setTimeout(() => {
      if (pinged) {
        this.end("silent");
      } else {
        this.send({ type: "ping" });
        this.listen(true);
      }
    }, this.heartbeatSeconds * 1000);
  }

  private hear(text: string): void {
    this.listen(false);
    let frame: Frame;
    try {
      frame = JSON.parse(text) as Frame;
    } catch {
      this.end("unreadable");
      return;
    }
    try {
      this.take(frame);
    } catch (error) {
      // Nothing of an app runs in here.
      this.listener.failed(new UnexpectedAnswer(String(error)));
    }
  }

  /** Frames of other types are of a newer server. */
  private take(frame: Frame): void {
    switch (frame.type) {
      case "goodbye":
        this.end(frame.reason ?? "", frame.reconnect ?? true, frame.after_seconds ?? 0);
        break;
      case "hello":
        this.heartbeatSeconds = this.wantedHeartbeat ?? frame.heartbeat_seconds ?? HEARTBEAT_SECONDS;
        this.framesPerSecond = Math.max(1, (frame.limits?.frames_per_second ?? FRAMES_PER_SECOND) * SHARE);
        this.listener.greeted(frame.person_id ?? null);
        break;
      case "subscribed":
      case "event":
        this.tell(frame);
        break;
      case "states":
        for (const state of frame.states ?? []) this.tell({ type: "event", topic: state.topic, data: state.data });
        break;
      case "ack":
        if (typeof frame.id === "number") this.asked.get(frame.id)?.resolve();
        this.asked.delete(frame.id as number);
        break;
      case "error":
        this.hearError(frame);
    }
  }

  private tell(frame: Frame): void {
    const subscription = this.listener.find(frame.topic ?? "");
    if (subscription === undefined) return;
    if (frame.type === "event") {
      if (subscription.isJoined) subscription.happened(frame.data, frame.offset ?? undefined);
      return;
    }
    const id = frame.id ?? undefined;
    // Otherwise the answer to somebody who joined and left before.
    if (id !== subscription.asked || (id === undefined && !subscription.isJoined)) return;
    const { epoch, offset, durable = false, recovered = false } = frame;
    const isPlace = durable && epoch != null && offset != null;
    subscription.joined({ type: "joined", durable, recovered, place: isPlace ? { epoch, offset } : null });
  }

  private hearError(frame: Frame): void {
    const document = frame as unknown as ProblemDocument;
    const problem = new Problem(document, frame.retry_after_seconds);
    const asked = typeof frame.id === "number" ? this.asked.get(frame.id) : undefined;
    const subscription = this.listener.find(frame.topic ?? "");
    if (asked !== undefined) {
      this.asked.delete(frame.id as number);
      asked.reject(problem);
    } else if (frame.id === HELLO_ID) {
      // A goodbye follows where the ticket was refused: another one may do.
      if (problem.status !== UNAUTHORIZED) this.listener.failed(problem);
    } else if (subscription !== undefined) {
      const isMeant = frame.id == null ? subscription.isJoined : frame.id === subscription.asked;
      if (isMeant) this.listener.refused(subscription, problem);
    }
  }
}
