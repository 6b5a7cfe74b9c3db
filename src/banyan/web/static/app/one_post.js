import { h } from "/assets/shared/dom.js";
import { api } from "/assets/shared/api.js";
import { cursorList } from "/assets/shared/lists.js";
import { postCard } from "/assets/app/post_card.js";

export function postView([, id]) {
  const node = h("div", { class: "view" }, h("h1", { class: "visually-hidden" }, "Post"));
  const list = cursorList({
    label: "Post",
    load: async () => ({ items: [await api.get(`/v1/posts/${encodeURIComponent(id)}`)], next_cursor: null }),
    render: (post) => postCard(post, { open: true }),
    empty: h("div", { class: "notice card" }, h("p", null, "This post is gone.")),
  });
  node.append(list);
  return { node };
}
