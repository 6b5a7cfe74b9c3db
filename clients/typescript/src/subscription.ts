/** Where one stands in a durable topic. Kept with what it led to, it lets one go on from there after a reload. */
export interface Place {
  epoch: string;
  offset: number | string;
}

/**
 * The topic is joined, for the first time or again.
 *
 * Not `recovered`: what one knows of it may be outdated. Read it anew over the API, then apply the events that follow.
 * Recovered: exactly what was missed follows.
 */
export interface Joined {
  type: "joined";
  recovered: boolean;
  durable: boolean;
  place: Place | null;
}

/** Something happened. `place` stands after it; null on topics that are not durable. */
export interface Happened<T> {
  type: "event";
  data: T;
  place: Place | null;
}

/** The socket is lost, and is opened again after `retrySeconds`. */
export interface Dropped {
  type: "dropped";
  reason: string;
  retrySeconds: number;
}

export type News<T> = Joined | Happened<T> | Dropped;

/** What a subscription asks of its socket. */
export interface Room {
  askToJoin(subscription: Subscription<unknown>): void;
  askToLeave(subscription: Subscription<unknown>): void;
  forget(subscription: Subscription<unknown>): void;
  askToPublish(topic: string, data: unknown): Promise<void>;
}

/**
 * `for await (const news of subscription)` gives what happens, until one leaves or the socket is closed.
 *
 * Throws Problem where the topic is refused or cut (`not_found`), SocketEnded when the server wants no more sockets.
 * Leaving the loop leaves the topic.
 */
export class Subscription<T> implements AsyncIterable<News<T>> {
  /** The socket's: the frame that asked to join. */
  asked: number | undefined;
  /** The socket's: whether events are heard. */
  isJoined = false;
  private waiting: News<T>[] = [];
  private arrived: (() => void) | undefined;
  private paused = false;
  private ended = false;
  private error: unknown;

  constructor(
    private readonly room: Room,
    readonly topic: string,
    /** The socket's: where it goes on. What the app has seen is in the news. */
    public place: Place | null,
    private readonly mostWaiting: number,
  ) {}

  /** Sends something on a topic that takes it. Rejects with Problem, and with Unreachable while the socket is lost. */
  publish(data: unknown): Promise<void> {
    return this.room.askToPublish(this.topic, data);
  }

  /** No more news; what waits is thrown away. */
  leave(): void {
    if (this.ended) return;
    this.room.askToLeave(this as Subscription<unknown>);
    this.room.forget(this as Subscription<unknown>);
    this.waiting = [];
    this.end(undefined);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<News<T>, void, undefined> {
    try {
      for (;;) {
        const news = this.waiting.shift();
        if (news !== undefined) {
          yield news;
        } else if (this.ended) {
          if (this.error !== undefined) throw this.error;
          return;
        } else {
          if (this.paused) {
            this.paused = false;
            this.room.askToJoin(this as Subscription<unknown>);
          }
          await new Promise<void>((resolve) => (this.arrived = resolve));
        }
      }
    } finally {
      this.leave();
    }
  }

  // What the socket tells.

  get wantsToJoin(): boolean {
    return !this.paused && !this.ended;
  }

  joined(news: Joined): void {
    this.isJoined = true;
    this.asked = undefined;
    this.place = news.place;
    this.put(news);
  }

  happened(data: T, offset: number | string | undefined): void {
    if (this.waiting.length >= this.mostWaiting) {
      // Of a durable topic the rest is read later; of another one hears that something was missed.
      this.isJoined = false;
      this.paused = true;
      this.room.askToLeave(this as Subscription<unknown>);
      return;
    }
    if (this.place !== null && offset !== undefined) this.place = { epoch: this.place.epoch, offset };
    this.put({ type: "event", data, place: this.place });
  }

  dropped(reason: string, retrySeconds: number): void {
    this.isJoined = false;
    this.asked = undefined;
    this.paused ||= this.waiting.length >= this.mostWaiting;
    if (this.waiting.at(-1)?.type === "dropped") this.waiting.pop();
    this.put({ type: "dropped", reason, retrySeconds });
  }

  end(error: unknown): void {
    this.ended = true;
    this.error = error;
    this.arrived?.();
  }

  private put(news: News<T>): void {
    this.waiting.push(news);
    this.arrived?.();
  }
}

