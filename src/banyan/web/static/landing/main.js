import { count, h } from "/assets/shared/dom.js";
import { cursorList } from "/assets/shared/lists.js";
import { live } from "/assets/shared/live.js";
import { send } from "/assets/shared/transport.js";
import { readOnlyPost } from "/assets/posts/face.js";

// Pointers come over the socket; what they point at is read through the API, like everything here.
// Many pages may stand behind one address: each waits a moment of its own, and what comes in between comes together.
const SOON_SECONDS = 2;
const CALM_SECONDS = 6;
// Without a socket the page looks by itself; each failure doubles the pause. A hidden page asks nothing.
const PAUSE_SECONDS = 30;
const LONGEST_PAUSE_SECONDS = 480;

const at = (id) => document.getElementById(id);

if (localStorage.getItem("banyan.session")) {
  for (const id of ["enter", "join"]) at(id).href = "/app";
  at("enter").textContent = "Open";
  at("join").textContent = "Go to your feed";
}

let counted = 0;
let counting = 0;

/** The numbers, not more often than they are worth it. */
async function showCommunity() {
  clearTimeout(counting);
  const early = counted + PAUSE_SECONDS * 1000 - Date.now();
  if (early > 0) {
    counting = setTimeout(() => document.hidden || showCommunity().catch(() => {}), early);
    return;
  }
  counted = Date.now();
  const community = await send("GET", "/v1/community");
  at("name").textContent = community.name;
  document.title = community.name;
  at("tagline").textContent = community.tagline;
  for (const place of document.querySelectorAll("[data-count]")) {
    const number = community[place.dataset.count];
    place.parentElement.hidden = typeof number !== "number";
    place.textContent = number?.toLocaleString() ?? "";
  }
}

const newest = (cursor) => send("GET", `/v1/posts?audience=public${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);

const shown = new Map();

function draw(post) {
  const article = readOnlyPost(post);
  shown.set(post.id, article);
  return article;
}

const posts = cursorList({
  label: "Newest public posts",
  load: newest,
  render: draw,
  empty: h(
    "div",
    { class: "notice card" },
    h("h3", null, "Nothing here yet"),
    h("p", null, "The first public post will appear in this place."),
    h("a", { class: "button primary", href: "/app" }, "Write it"),
  ),
});
at("posts").append(posts);

/** Changes the list without moving what is being read. */
function keepPlace(change) {
  const read = posts.getBoundingClientRect().top < 0;
  const rows = read ? [...posts.querySelectorAll(".item")] : [];
  const anchor = rows.find((row) => row.getBoundingClientRect().bottom > 0);
  const before = anchor?.getBoundingClientRect().top;
  change();
  if (anchor?.isConnected) scrollBy({ top: anchor.getBoundingClientRect().top - before, behavior: "instant" });
}

/** Brings the list in line with the newest page; `changed` are posts of which the server has said something. */
function apply(items, changed) {
  const fresh = items.filter((post) => !posts.ids.has(post.id));
  for (const post of fresh.slice().reverse()) {
    posts.prepend(post);
    posts.querySelector(".item").classList.add("new");
  }
  const byId = new Map(items.map((post) => [post.id, post]));
  const oldest = items.at(-1)?.id ?? "";
  for (const id of changed) {
    const article = shown.get(id);
    if (!article?.isConnected || fresh.includes(byId.get(id))) continue;
    if (byId.has(id)) article.replaceWith(draw(byId.get(id)));
    // Ids are in the order of time: what should stand on this page and does not is gone.
    else if (id >= oldest) article.closest(".item").remove();
  }
  if (fresh.length) at("fresh").textContent = ` · ${count(fresh.length, "new post", "new posts")}`;
}

const changed = new Set();
let refreshed = 0;
let isLive = false;

/** Whatever was changed or deleted meanwhile, nobody has said so. */
function doubtAll() {
  for (const id of shown.keys()) changed.add(id);
}

async function refresh() {
  refreshed = Date.now();
  if (!isLive) doubtAll();
  const told = [...changed];
  changed.clear();
  try {
    const [page] = await Promise.all([newest(null), showCommunity()]);
    keepPlace(() => apply(page.items, told));
  } catch (problem) {
    told.forEach((id) => changed.add(id));
    throw problem;
  }
}

let pause = PAUSE_SECONDS;
let timer = 0;
let waiting = false;
let wasLost = false;

function later(seconds) {
  clearTimeout(timer);
  timer = setTimeout(again, seconds * 1000);
}

async function again() {
  if (document.hidden) return;
  try {
    await refresh();
    pause = PAUSE_SECONDS;
  } catch (problem) {
    pause = Math.max(problem.retryAfterSeconds ?? 0, Math.min(pause * 2, LONGEST_PAUSE_SECONDS));
  }
  clearTimeout(timer);
  waiting = false;
  if (changed.size) soon();
  else if (!isLive) later(pause);
}

/** Looks in a moment, together with whatever else is told until then. */
function soon() {
  if (waiting || document.hidden) return;
  waiting = true;
  const calm = Math.max(0, CALM_SECONDS - (Date.now() - refreshed) / 1000);
  later(Math.max(calm, pause > PAUSE_SECONDS ? pause : 0) + Math.random() * SOON_SECONDS);
}

const topic = {
  // What was missed is not told: look.
  joined() {
    if (wasLost) doubtAll();
    soon();
  },
  event({ post_id: id }) {
    changed.add(id);
    soon();
  },
};

function tell(on) {
  isLive = on;
  wasLost ||= !on;
  at("live").dataset.on = on;
  at("state").textContent = on ? "Live" : "Not live";
  if (!on) later(pause);
}

document.addEventListener("visibilitychange", () => document.hidden || again());
showCommunity().catch(() => {});
later(pause);
live({ "posts:public": topic }, () => send("GET", "/v1/realtime"), tell);
