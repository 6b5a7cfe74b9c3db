import { api } from "/assets/shared/api.js";
import { live } from "/assets/shared/live.js";
import { isSignedIn, onSessionChange } from "/assets/shared/session.js";

// What comes together is looked at together.
const SOON_SECONDS = 1;
const UNREAD = /^\(\d+\+?\) /;

const waiting = new Map();
let socket = null;
let unread = 0;

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
  const wanted = unread ? `(${unread > 99 ? "99+" : unread}) ${title}` : title;
  if (document.title !== wanted) document.title = wanted;
}

// Views set titles of their own.
new MutationObserver(drawUnread).observe(document.querySelector("title"), { childList: true });

async function countUnread() {
  unread = (await api.get("/v1/notifications/unread-count")).unread_count;
  drawUnread();
}

/** One's own stream: new posts are offered as they come, requests and what is unread are counted. */
const me = {
  joined(recovered) {
    if (recovered) return;
    soon("banyan:news");
    countUnread().catch(() => {});
  },
  event({ kind, op, value }) {
    if (kind === "post" && op === "upsert") soon("banyan:news");
    if (kind === "connection") soon("banyan:connections");
    if (kind === "unread_notifications") {
      unread = value?.unread_count ?? 0;
      drawUnread();
    }
  },
};

function restart() {
  socket?.stop();
  unread = 0;
  drawUnread();
  socket = isSignedIn() ? live({ me }, () => api.get("/v1/realtime"), () => {}) : null;
}

onSessionChange(restart);
restart();
