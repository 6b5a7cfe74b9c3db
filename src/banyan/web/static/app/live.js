import { api } from "/assets/shared/api.js";
import { live } from "/assets/shared/live.js";
import { isSignedIn, onSessionChange } from "/assets/shared/session.js";
import { countUnread, setUnread, unread } from "/assets/app/unread.js";

// What comes together is looked at together.
const SOON_SECONDS = 1;
const UNREAD = /^\(\d+\+?\) /;

const waiting = new Map();
let socket = null;

/** Tells the page once, in a moment. */
function soon(name) {
  if (waiting.has(name)) return;
  const tell = () => {
    waiting.delete(name);
    dispatchEvent(new CustomEvent(name));
  };
  waiting.set(name, setTimeout(tell, SOON_SECONDS * 1000));
}

/** The number of unread notifications stands in the tab's title. */
function drawUnread() {
  const title = document.title.replace(UNREAD, "");
  const number = unread();
  const wanted = number ? `(${number > 99 ? "99+" : number}) ${title}` : title;
  if (document.title !== wanted) document.title = wanted;
}

// Views set titles of their own.
new MutationObserver(drawUnread).observe(document.querySelector("title"), { childList: true });
addEventListener("banyan:unread", drawUnread);

// What the page that is open may want to look for again.
const NEWS = new Set(["post", "notification", "conversation"]);

/** One's own stream: what is new is offered as it comes, requests and what is unread are counted. */
const me = {
  joined(recovered) {
    if (recovered) return;
    soon("banyan:news");
    countUnread().catch(() => {});
  },
  event({ kind, op, value }) {
    if (NEWS.has(kind) && op === "upsert") soon("banyan:news");
    if (kind === "connection") soon("banyan:connections");
    if (kind === "unread_notifications") setUnread(value?.unread_count ?? 0);
  },
};

function restart() {
  socket?.stop();
  setUnread(0);
  socket = isSignedIn() ? live({ me }, () => api.get("/v1/realtime"), () => {}) : null;
}

onSessionChange(restart);
restart();
