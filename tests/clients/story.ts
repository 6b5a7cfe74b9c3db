// The story as a program that uses the TypeScript client: `story.js CHAPTER URL TAG` prints what it found, as JSON.
//
// story.py tells the same chapters with the Python client, and test_story.py wants the same findings from both.
import {
  Banyan,
  MemoryStorage,
  Problem,
  Unreachable,
  type ConnectionOptions,
  type SignedIn,
  type SyncPage,
  type Tokens,
} from "banyan-client";

declare const process: { argv: string[] };

const PASSWORD = "correct horse battery";
const NOBODY = "01890000-0000-7000-8000-000000000000";

/** People on one server, whose handles end in the tag of this telling. */
class Story {
  constructor(
    private readonly url: string,
    private readonly tag: string,
  ) {}

  client(options?: ConnectionOptions): Banyan {
    return new Banyan(this.url, options);
  }

  async signUp(handle: string, options?: ConnectionOptions): Promise<[Banyan, SignedIn]> {
    const client = this.client(options);
    const name = handle[0]!.toUpperCase() + handle.slice(1);
    const answer = await client.accounts.signUp({
      email: this.email(handle),
      password: PASSWORD,
      handle: this.handle(handle),
      display_name: name,
    });
    if (!("account" in answer)) throw new Error("not signed in");
    return [client, answer];
  }

  handle(name: string): string {
    return `${name}.${this.tag}`;
  }

  email(name: string): string {
    return `${this.handle(name)}@example.org`;
  }
}

/** A handle without the tag. */
function plain(handle: string): string {
  return handle.split(".")[0]!;
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

async function problemOf(call: Promise<unknown>): Promise<Problem> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  throw new Error("not refused");
}

/** A call that is refused before anything is sent. */
async function refusedUnasked(call: () => Promise<unknown>): Promise<string | null> {
  try {
    await call();
  } catch (error) {
    if (error instanceof RangeError) return "not asked";
  }
  return null;
}

async function changed(client: Banyan, values: Partial<Tokens>): Promise<Tokens> {
  const tokens = await client.tokens();
  if (tokens === null) throw new Error("not signed in");
  return { ...tokens, ...values };
}

async function bodies(client: Banyan, handle: string): Promise<string[]> {
  return (await all(client.posts.listProfileFeed(handle))).map((post) => post.body);
}

type Chapter = (story: Story) => Promise<unknown>;

const chapters: { [name: string]: Chapter } = {
  async conversation(story) {
    const [ada] = await story.signUp("ada");
    const [ben, benAccount] = await story.signUp("ben");
    const asked = await ada.people.askConnection({ person_id: benAccount.account.id });
    const accepted = await ben.people.acceptConnection(asked.id);
    const posts = [];
    for (let number = 0; number < 5; number++) {
      posts.push(await ada.posts.publish({ body: `Post ${number}`, audience: "connections" }));
    }
    const first = posts[0]!;
    const comment = await ben.posts.comment(first.id, { body: "Indeed" });
    const reacted = await ben.posts.react(first.id, "love");
    const me = await ada.people.updateMe({ bio: "Lends ladders" });
    const firstPage = await ada.posts.showFeed({ limit: 2 }).page();
    const rest = ada.posts.showFeed({ limit: 2, cursor: firstPage.next_cursor! });
    return {
      state: accepted.state,
      author: plain(first.author.handle),
      comment: comment.body,
      reactions: reacted.reaction_counts,
      bio: me.bio,
      read: (await all(ada.posts.showFeed({ limit: 2 }))).map((post) => post.body),
      pages: (await all(ada.posts.showFeed({ limit: 2 }).pages())).map((page) => page.items.length),
      rest: (await all(rest)).map((post) => post.body),
      received: (await all(ben.people.listConnections({ state: "connected" }))).map((one) => plain(one.person.handle)),
    };
  },

  async publish(story) {
    const [ada] = await story.signUp("ada");
    const post = await ada.posts.publish({ body: "Once" });
    return { body: post.body, posts: await bodies(ada, story.handle("ada")) };
  },

  async refused(story) {
    const [ada] = await story.signUp("ada");
    const problem = await problemOf(ada.posts.publish({ body: "Never" }));
    return { status: problem.status, code: problem.code, retry_after: problem.retryAfterSeconds ?? null };
  },

  async unreachable(story) {
    const [ada] = await story.signUp("ada");
    let idempotencyKey: string | undefined;
    try {
      await ada.posts.publish({ body: "Once" });
    } catch (error) {
      if (error instanceof Unreachable) idempotencyKey = error.idempotencyKey;
    }
    const again = await ada.posts.publish({ body: "Once" }, { idempotencyKey: idempotencyKey! });
    return { body: again.body, posts: await bodies(ada, story.handle("ada")) };
  },

  async replays(story) {
    const [ada] = await story.signUp("ada");
    const first = await ada.posts.publish({ body: "Once" }, { idempotencyKey: "my-key" });
    const second = await ada.posts.publish({ body: "Once" }, { idempotencyKey: "my-key" });
    const problem = await problemOf(ada.posts.publish({ body: "Twice" }, { idempotencyKey: "my-key" }));
    return { same: first.id === second.id, status: problem.status, code: problem.code };
  },

  async problems(story) {
    const [ada] = await story.signUp("ada");
    const badHandle = { email: story.email("x"), password: PASSWORD, handle: "No Spaces!", display_name: "X" };
    const handle = await problemOf(story.client().accounts.signUp(badHandle));
    const password = await problemOf(ada.auth.signIn({ email: story.email("ada"), password: "not the password" }));
    const anonymous = await problemOf(story.client().people.showMe());
    return {
      handle: [handle.status, handle.code, Boolean(handle.errorOf("handle")?.detail)],
      request_id: handle.requestId !== "",
      password: [password.status, password.code, password.errors.map((error) => error.field)],
      anonymous: [anonymous.status, anonymous.code],
      nothing: await refusedUnasked(() => ada.auth.endSession("")),
    };
  },

  async block(story) {
    const [ada, adaAccount] = await story.signUp("ada");
    const [ben] = await story.signUp("ben");
    const post = await ben.posts.publish({ body: "For all" });
    const before = (await ada.posts.show(post.id)).body;
    await ben.people.block(adaAccount.account.id);
    const hiddenPost = await problemOf(ada.posts.show(post.id));
    const hiddenPerson = await problemOf(ada.people.show(story.handle("ben")));
    return {
      before,
      post: [hiddenPost.status, hiddenPost.code],
      person: [hiddenPerson.status, hiddenPerson.code],
      blocked: (await all(ben.people.listBlocks())).map((one) => plain(one.person.handle)),
    };
  },

  async deletes(story) {
    const [ada] = await story.signUp("ada");
    const first = await ada.posts.publish({ body: "Gone" });
    await ada.posts.remove(first.id);
    const nobody = await problemOf(ada.posts.remove(NOBODY));
    return { left: await bodies(ada, story.handle("ada")), nobody: nobody.status };
  },

  async sync(story) {
    const [ada] = await story.signUp("ada");
    const [ben, benAccount] = await story.signUp("ben");
    const asked = await ada.people.askConnection({ person_id: benAccount.account.id });
    await ben.people.acceptConnection(asked.id);
    const first = await ben.posts.publish({ body: "First" });
    await ben.posts.publish({ body: "Second" });
    const copy = new Map<string, string>();
    const resets: boolean[] = [];
    let since: string | undefined;

    const catchUp = async (wanted: string) => {
      while ([...copy.values()].sort().join() !== wanted) {
        const page: SyncPage = await ada.sync.show({ since, limit: 1 });
        resets.push(page.reset);
        if (page.reset) copy.clear();
        for (const item of page.items) {
          if (item.kind !== "post") continue;
          if (item.op === "delete") copy.delete(item.id);
          else if (item.value !== null) copy.set(item.id, item.value.body);
        }
        since = page.next;
        if (page.items.length === 0) await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };

    await catchUp("First,Second");
    await ben.posts.remove(first.id);
    await catchUp("Second");
    return { began_anew: resets[0], and_later: resets.slice(1).includes(true) };
  },

  async keys(story) {
    const [ada] = await story.signUp("ada");
    const key = await ada.auth.createApiKey({ name: "Weather", scopes: ["posts:write"] });
    const robot = story.client({ apiKey: key.key });
    const post = await robot.posts.publish({ body: "Rain" });
    const beyond = await problemOf(robot.people.showMe());
    await ada.auth.endApiKey(key.id);
    const ended = await problemOf(robot.posts.publish({ body: "More rain" }));
    return {
      body: post.body,
      author: plain(post.author.handle),
      beyond: [beyond.status, beyond.code],
      ended: ended.status,
      left: (await all(ada.auth.listApiKeys())).map((one) => one.name),
    };
  },

  async export(story) {
    const [ada] = await story.signUp("ada");
    let made = await ada.accounts.createExport();
    while (made.state !== "ready") {
      await new Promise((resolve) => setTimeout(resolve, 50));
      made = await ada.accounts.showExport(made.id);
    }
    const file = await ada.accounts.fetchExport(made.id);
    return { begins: [...file.slice(0, 2)], whole: file.length === made.size_bytes };
  },

  async refresh(story) {
    const [ada] = await story.signUp("ada");
    const storage = new MemoryStorage(await changed(ada, { expiresAt: Date.now() }));
    const again = story.client({ storage });
    const people = await Promise.all(Array.from({ length: 12 }, () => again.people.showMe()));
    const now = await again.tokens();
    return {
      handles: [...new Set(people.map((me) => plain(me.handle)))],
      kept: now === storage.load() && now?.refreshToken !== (await ada.tokens())?.refreshToken,
    };
  },

  async outdated(story) {
    const [ada] = await story.signUp("ada");
    const storage = new MemoryStorage(await changed(ada, { accessToken: "made.up.token" }));
    const again = story.client({ storage });
    const people = await Promise.all(Array.from({ length: 12 }, () => again.people.showMe()));
    return { handles: [...new Set(people.map((me) => plain(me.handle)))] };
  },

  async shared(story) {
    const [ada] = await story.signUp("ada");
    const storage = new MemoryStorage(await changed(ada, { expiresAt: Date.now() }));
    const [one, other] = [story.client({ storage }), story.client({ storage })];
    await one.tokens();
    await other.tokens();
    await one.people.showMe();
    await other.people.showMe();
    return { same: (await one.tokens()) === storage.load() && (await other.tokens()) === storage.load() };
  },

  async ended(story) {
    const storage = new MemoryStorage();
    const [ada] = await story.signUp("ada", { storage });
    const other = story.client();
    await other.auth.signIn({ email: story.email("ada"), password: PASSWORD });
    await other.auth.endOtherSessions();
    const refused = (await problemOf(ada.people.showMe())).status;
    const forgotten = storage.load() === null;
    await other.auth.signOut();
    return { refused, forgotten, signed_out: (await other.tokens()) === null };
  },

  async cancelled(story) {
    const [ada] = await story.signUp("ada");
    const again = story.client({ storage: new MemoryStorage(await changed(ada, { expiresAt: Date.now() })) });
    const given = new AbortController();
    const first = again.people.showMe({ signal: given.signal });
    const second = again.people.showMe();
    given.abort(new Error("given up"));
    try {
      await first;
    } catch (error) {
      if (error instanceof Error && error.message === "given up") return { second: plain((await second).handle) };
    }
    return null;
  },
};

const [name, url, tag] = process.argv.slice(2);
console.log(JSON.stringify(await chapters[name!]!(new Story(url!, tag!))));
