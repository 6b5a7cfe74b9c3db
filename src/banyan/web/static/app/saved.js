import { h } from "/assets/shared/dom.js";
import { postList } from "/assets/app/feed.js";

export function savedView() {
  const empty = h("div", { class: "notice card" }, h("h2", null, "Nothing saved"), h("p", null, "Save a post in the menu at its top: nobody else learns of it."));
  const { list } = postList("Saved posts", "/v1/saved", {}, empty);
  return { node: h("div", { class: "view" }, h("h1", null, "Saved"), list) };
}
