import { count, h } from "/assets/shared/dom.js";
import { api, query } from "/assets/shared/api.js";
import { cursorList } from "/assets/shared/lists.js";
import { composer } from "/assets/app/composer.js";
import { me } from "/assets/app/me.js";
import { postCard } from "/assets/app/post_card.js";

const PEEK = 10;

/** A list of posts that looks for newer ones at each tick and offers them, so that nothing jumps. */
export function postList(label, path, values, empty) {
  const load = (cursor) => api.get(query(path, { ...values, cursor }));
  const list = cursorList({ label, load, render: (post) => postCard(post), empty });
  const show = h("button", { class: "button primary small" });
  const fresh = h("div", { class: "fresh", role: "status", hidden: true }, show);

  async function tick() {
    const page = await api.get(query(path, { ...values, limit: PEEK })).catch(() => null);
    const news = page?.items.filter((post) => !list.ids.has(post.id)) ?? [];
    if (page && !list.ids.size && (news.length || list.querySelector("[role=alert]"))) return list.reload();
    if (!news.length) return;
    show.textContent = count(news.length, "new post", "new posts");
    fresh.hidden = false;
    show.onclick = () => {
      news.reverse().forEach(list.prepend);
      fresh.hidden = true;
      scrollTo({ top: 0 });
    };
  }
  return { list, fresh, tick };
}

export function feedView() {
  const empty = h(
    "div",
    { class: "notice card" },
    h("h2", null, "Your feed is still quiet"),
    h("p", null, "Here you read your own posts and those of your connections."),
    h("a", { class: "button primary", href: "#/discover" }, "Find people in the newest posts"),
  );
  const { list, fresh, tick } = postList("Your feed", "/v1/feed", {}, empty);
  const notice = me().email_verified === false && verifyNotice();
  const node = h("div", { class: "view" }, h("h1", { class: "visually-hidden" }, "Home"), notice, composer(list.prepend), fresh, list);
  return { title: "Home · Banyan", node, tick };
}

function verifyNotice() {
  return h("p", { class: "hint" }, "Your e-mail address is not confirmed yet. ", h("a", { href: "#/settings" }, "Send the mail again"));
}

export function discoverView() {
  const empty = h("div", { class: "notice card" }, h("h2", null, "Nothing public yet"), h("p", null, "Posts for everybody appear here."));
  const { list, fresh, tick } = postList("Newest public posts", "/v1/posts", { audience: "public" }, empty);
  return { title: "Discover · Banyan", node: h("div", { class: "view" }, h("h1", null, "Discover"), fresh, list), tick };
}
