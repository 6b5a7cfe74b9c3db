// What sockets do, as a program that uses the TypeScript client: `sockets.js CHAPTER URL TAG`, as story.js.
//
// sockets.py tells the same chapters with the Python client.
import {
  Banyan,
  Problem,
  SocketEnded,
  Unreachable,
  type ChatMessage,
  type ConnectionOptions,
  type ConversationEvent,
  type News,
  type SignedIn,
  type Subscription,
  type SyncPageItem,
} from "banyan-client";

declare const process: { argv: string[]; exit(code: number): never };

const PASSWORD = "correct horse battery";
const NOBODY = "01890000-0000-7000-8000-000000000000";
const SOON = { baseSeconds: 0.02, capSeconds: 0.1 };
// A machine that runs other tests too may be ten times slower than one at rest.
const PATIENCE_SECONDS = 90;

class Story {
  constructor(
    private readonly url: string,
    readonly tag: string,
  ) {}

  client(options?: ConnectionOptions): Banyan {
    return new Banyan(this.url, options);
  }

  async signUp(handle: string): Promise<[Banyan, SignedIn]> {
    const client = this.client();
    const names = { handle: `${handle}.${this.tag}`, display_name: handle };
    const answer = await client.accounts.signUp({ email: this.email(handle), password: PASSWORD, ...names });
    if (!("account" in answer)) throw new Error("not signed in");
    return [client, answer];
  }

  email(handle: string): string {
    return `${handle}.${this.tag}@example.org`;
  }
}

/** Two connected people and their conversation; the first one's id too. */
async function acquainted(story: Story): Promise<[Banyan, Banyan, string, string]> {
  const [ada, adaAccount] = await story.signUp("ada");
  const [ben, benAccount] = await story.signUp("ben");
  const asked = await ada.people.askConnection({ person_id: benAccount.account.id });
  await ben.people.acceptConnection(asked.id);
  const talk = await ben.messaging.createConversation({ member_ids: [adaAccount.account.id] });
  return [ada, ben, talk.id, adaAccount.account.id];
}

type Kept = Map<string, unknown>;

function apply(kept: Kept, item: SyncPageItem): void {
  const key = `${item.kind} ${item.id}`;
  if (item.op === "delete") kept.delete(key);
  else kept.set(key, item.value);
}

/** Keeps what the topic `me` tells; reads it anew only when it is told to. */
class OwnCopy {
  kept: Kept = new Map();
  reloads = 0;
  drops = 0;
  readonly offsets: unknown[] = [];

  constructor(private readonly client: Banyan) {}

  async follow(topic: Subscription<SyncPageItem>): Promise<void> {
    for await (const news of topic) {
      switch (news.type) {
        case "joined":
          if (!news.recovered) {
            this.reloads++;
            this.kept = await this.fresh();
          }
          break;
        case "event":
          this.offsets.push(news.place?.offset);
          apply(this.kept, news.data);
          break;
        case "dropped":
          this.drops++;
      }
    }
  }

  async fresh(): Promise<Kept> {
    const kept: Kept = new Map();
    for (let since: string | undefined; ; ) {
      const page: { items: SyncPageItem[]; next: string } = await this.client.sync.show({ since });
      if (page.items.length === 0) return kept;
      for (const item of page.items) apply(kept, item);
      since = page.next;
    }
  }
}

type Shown = [body: string, deleted: boolean, counts: { [name: string]: number }];

function shown(message: ChatMessage): Shown {
  return [message.body, message.deleted, message.reaction_counts];
}

/** Keeps the messages of a conversation. */
class TalkCopy {
  kept: Kept = new Map();
  reloads = 0;
  readonly offsets: number[] = [];

  constructor(
    private readonly client: Banyan,
    private readonly id: string,
  ) {}

  async follow(topic: Subscription<ConversationEvent>): Promise<void> {
    for await (const news of topic) {
      if (news.type === "joined" && !news.recovered) {
        this.reloads++;
        this.kept = await this.fresh();
      } else if (news.type === "event") {
        this.offsets.push(news.place?.offset as number);
        await this.apply(news.data);
      }
    }
  }

  private async apply(event: ConversationEvent): Promise<void> {
    switch (event.type) {
      case "message":
      case "message_edited": {
        // Where the event does not say it, the API does.
        const message = event.message ?? (await this.client.messaging.showMessage(event.message_id));
        this.kept.set(event.message_id, shown(message));
        break;
      }
      case "message_deleted":
        this.kept.set(event.message_id, ["", true, {}]);
        break;
      case "reaction": {
        const [body, deleted] = this.kept.get(event.message_id) as Shown;
        this.kept.set(event.message_id, [body, deleted, event.reaction_counts]);
      }
    }
  }

  async fresh(): Promise<Kept> {
    const kept: Kept = new Map();
    for await (const message of this.client.messaging.listMessages(this.id)) kept.set(message.id, shown(message));
    return kept;
  }
}

/** The same text for the same values, in whatever order their names came. */
function text(value: unknown): string {
  return JSON.stringify(value, (_, inner) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([one], [other]) => (one < other ? -1 : 1)))
      : inner,
  );
}

function same(one: Kept, other: Kept): boolean {
  return text(Object.fromEntries(one)) === text(Object.fromEntries(other));
}

function below(limit: number): number {
  return Math.floor(Math.random() * limit);
}

/** What happens meanwhile. */
async function live(id: string, ben: Banyan, steps: number): Promise<void> {
  const written: string[] = [];
  const posts: string[] = [];
  const some = () => written[below(written.length)]!;
  for (let number = 0; number < steps; number++) {
    const dice = Math.random();
    if (dice < 0.5 || written.length === 0) {
      const body = `Message ${number} ${"x".repeat(below(300))}`;
      written.push((await ben.messaging.sendMessage(id, { body, client_id: `${number}` })).id);
    } else if (dice < 0.6) {
      await ben.messaging.editMessage(some(), { body: `Edited ${number}` });
    } else if (dice < 0.7) {
      await ben.messaging.putReaction(some(), "love");
    } else if (dice < 0.75 && written.length > 3) {
      await ben.messaging.removeMessage(written.splice(below(written.length), 1)[0]!);
    } else if (dice < 0.9 || posts.length === 0) {
      posts.push((await ben.posts.publish({ body: `Post ${number}`, audience: "connections" })).id);
    } else {
      await ben.posts.remove(posts.pop()!);
    }
  }
}

async function until(what: string, is: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + PATIENCE_SECONDS * 1000;
  while (!(await is())) {
    if (Date.now() > end) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function next<T>(topic: AsyncIterator<News<T>>): Promise<News<T>> {
  const { value, done } = await topic.next();
  if (done) throw new Error("it has ended");
  return value;
}

async function problemOf(topic: Subscription<unknown>): Promise<unknown> {
  try {
    for await (const _ of topic);
  } catch (error) {
    if (error instanceof Problem) return [error.status, error.code];
    throw error;
  }
  return null;
}

const chapters: { [name: string]: (story: Story) => Promise<unknown> } = {
  async drops(story) {
    const [ada, ben, id] = await acquainted(story);
    const mine = new OwnCopy(ada);
    const talk = new TalkCopy(ada, id);
    const socket = ada.socket({ reconnects: SOON, heartbeatSeconds: 0.5 });
    const following = [mine.follow(socket.joinMe()), talk.follow(socket.joinConversation(id))];
    // Who joins when all is done reads everything anew, over a connection that nobody cuts.
    await until("both topics are joined", () => mine.reloads > 0 && talk.reloads > 0);
    await live(id, ben, 90);
    await until(
      "the copies are what they should be",
      async () => same(mine.kept, await mine.fresh()) && same(talk.kept, await talk.fresh()),
    );
    socket.close();
    await Promise.all(following);
    return {
      reloads: [mine.reloads, talk.reloads],
      drops: mine.drops > 3,
      twice: mine.offsets.length - new Set(mine.offsets).size,
      in_order: talk.offsets.every((offset, place) => offset === talk.offsets[0]! + place),
      some: talk.kept.size > 10 && mine.kept.size > 3,
    };
  },

  async places(story) {
    const [ada, ben, id] = await acquainted(story);
    const socket = ada.socket({ reconnects: SOON });
    const first = socket.joinConversation(id)[Symbol.asyncIterator]();
    const joined = await next(first);
    await ben.messaging.sendMessage(id, { body: "One", client_id: "1" });
    const event = await next(first);
    if (joined.type !== "joined" || event.type !== "event") throw new Error("out of order");
    socket.close();
    const ended = (await first.next()).done;
    await ben.messaging.sendMessage(id, { body: "Two", client_id: "2" });
    const other = ada.socket({ reconnects: SOON });
    const topic = other.joinConversation(id, event.place!);
    const again = topic[Symbol.asyncIterator]();
    const [rejoined, missed] = [await next(again), await next(again)];
    topic.leave();
    const lost = await next(other.joinConversation(id, { epoch: "nowhere", offset: 7 })[Symbol.asyncIterator]());
    other.close();
    if (rejoined.type !== "joined" || lost.type !== "joined" || missed.type !== "event") throw new Error("out of order");
    return {
      durable: joined.durable,
      recovered: [joined.recovered, rejoined.recovered, lost.recovered],
      missed: missed.data.type === "message" ? missed.data.message?.body : null,
      ended: ended ? [] : null,
    };
  },

  async refusals(story) {
    const [ada, ben, , adaId] = await acquainted(story);
    const post = await ben.posts.publish({ body: "For a while", audience: "connections" });
    const socket = ada.socket({ reconnects: SOON });
    const unknown = await problemOf(socket.joinPost(NOBODY));
    const topic = socket.joinPost(post.id);
    await next(topic[Symbol.asyncIterator]());
    await ben.people.block(adaId);
    const cut = await problemOf(topic);
    const own = socket.joinMe();
    const news = own[Symbol.asyncIterator]();
    await next(news);
    const published = await own.publish({ hello: true }).catch((error: unknown) => (error as Problem).status);
    const other = story.client();
    await other.auth.signIn({ email: story.email("ada"), password: PASSWORD });
    await other.auth.endOtherSessions();
    let ended = false;
    try {
      for (;;) await next(news);
    } catch (error) {
      ended = error instanceof SocketEnded || (error instanceof Problem && error.status === 401);
    }
    const nobody = story.client().socket();
    const anonymous = await problemOf(nobody.join("me"));
    nobody.close();
    socket.close();
    return { unknown, cut, published, ended, anonymous };
  },

  async typing(story) {
    const [ada, ben, id] = await acquainted(story);
    const [adas, bens] = [ada.socket(), ben.socket()];
    const hears = adas.joinTyping(id)[Symbol.asyncIterator]();
    const says = bens.joinTyping(id);
    const early = await says.publish({ typing: true }).catch((error: unknown) => error instanceof Unreachable);
    await next(hears);
    await next(says[Symbol.asyncIterator]());
    await says.publish({ typing: true });
    const event = await next(hears);
    adas.close();
    bens.close();
    if (event.type !== "event") throw new Error("out of order");
    return { early, typing: event.data.typing, place: event.place };
  },

  async away(story) {
    const [ada] = await story.signUp("ada");
    const reasons: string[] = [];
    const pointers: string[] = [];
    const recovered: boolean[] = [];
    const socket = story.client().socket({ reconnects: SOON });
    for await (const news of socket.joinPostsPublic()) {
      if (news.type === "joined") {
        recovered.push(news.recovered);
        if (recovered.length === 2) {
          const post = await ada.posts.publish({ body: "Hello", audience: "public" });
          await ada.posts.remove(post.id);
        }
      } else if (news.type === "dropped") {
        reasons.push(news.reason);
      } else {
        pointers.push(news.data.news);
        if (news.data.news === "deleted") break;
      }
    }
    socket.close();
    return { reasons, pointers, recovered };
  },

  async slow(story) {
    const [ada, ben, id] = await acquainted(story);
    const socket = ada.socket({ mostWaiting: 5 });
    const topic = socket.joinConversation(id)[Symbol.asyncIterator]();
    await next(topic);
    for (let number = 0; number < 30; number++) {
      await ben.messaging.sendMessage(id, { body: `${number}`, client_id: `${number}` });
    }
    const found: string[] = [];
    let left = false;
    while (found.at(-1) !== "29") {
      const news = await next(topic);
      if (news.type === "joined") left ||= news.recovered;
      else if (news.type === "event" && news.data.type === "message") found.push(news.data.message!.body);
    }
    socket.close();
    return { all: found.every((body, place) => body === `${place}`), left };
  },

  async pointers(story) {
    const [ada, ben, id] = await acquainted(story);
    const socket = ada.socket();
    const topic = socket.joinMe();
    for await (const news of topic) {
      if (news.type === "joined") await ben.messaging.sendMessage(id, { body: "One", client_id: "1" });
      else if (news.type === "event" && news.data.kind === "conversation" && news.data.value?.unread_count === 1) {
        socket.close();
        return { same: news.data.value.id === id, kind: news.data.kind };
      }
    }
    return null;
  },
};

const [name, url, tag] = process.argv.slice(2);
console.log(JSON.stringify(await chapters[name!]!(new Story(url!, tag!))));
