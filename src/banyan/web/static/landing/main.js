import { count, h } from "/assets/shared/dom.js";
import { cursorList } from "/assets/shared/lists.js";
import { send } from "/assets/shared/transport.js";
import { readOnlyPost } from "/assets/posts/face.js";

// Often enough to feel alive; a hidden page asks nothing, and each failure doubles the pause.
const PAUSE_SECONDS = 30;
const LONGEST_PAUSE_SECONDS = 480;

const at = (id) => document.getElementById(id);

if (localStorage.getItem("banyan.session")) {
  for (const id of ["enter", "join"]) at(id).href = "/app";
  at("enter").textContent = "Open";
  at("join").textContent = "Go to your feed";
}

async function showCommunity() {
  const community = await send("GET", "/v1/community");
  if (community.name) {
    at("name").textContent = community.name;
    document.title = community.name;
  }
  if (community.tagline) at("tagline").textContent = community.tagline;
  for (const place of document.querySelectorAll("[data-count]")) {
    const number = community[place.dataset.count];
    place.parentElement.hidden = typeof number !== "number";
    place.textContent = number?.toLocaleString() ?? "";
  }
}

const newest = (cursor) => send("GET", `/v1/posts?audience=public${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);

const posts = cursorList({
  label: "Newest public posts",
  load: newest,
  render: readOnlyPost,
  empty: h(
    "div",
    { class: "notice card" },
    h("h3", null, "Nothing here yet"),
    h("p", null, "The first public post will appear in this place."),
    h("a", { class: "button primary", href: "/app" }, "Write it"),
  ),
});
at("posts").append(posts);

async function refresh() {
  const [page] = await Promise.all([newest(null), showCommunity()]);
  const fresh = page.items.filter((post) => !posts.ids.has(post.id)).reverse();
  for (const post of fresh) {
    posts.prepend(post);
    posts.querySelector(".item").classList.add("new");
  }
  if (fresh.length) at("fresh").textContent = count(fresh.length, "new post", "new posts");
}

let pause = PAUSE_SECONDS;
let timer = 0;

function later() {
  clearTimeout(timer);
  timer = setTimeout(again, pause * 1000);
}

async function again() {
  if (document.hidden) return;
  try {
    await refresh();
    pause = PAUSE_SECONDS;
  } catch (problem) {
    pause = Math.max(problem.retryAfterSeconds ?? 0, Math.min(pause * 2, LONGEST_PAUSE_SECONDS));
  }
  later();
}

document.addEventListener("visibilitychange", () => document.hidden || again());
showCommunity().catch(() => {});
later();
