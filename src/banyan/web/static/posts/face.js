import { h, icon, linked } from "/assets/shared/dom.js";
import { avatar, nameLink, profileLink } from "/assets/shared/person.js";
import { when } from "/assets/shared/time.js";

export const AUDIENCES = {
  public: { icon: "public", label: "Everybody" },
  connections: { icon: "people", label: "Connections" },
  list: { icon: "list", label: "A list" },
  self: { icon: "self", label: "Only me" },
};

const LONG_LETTERS = 700;
const LONG_LINES = 12;

const postLink = (post) => `/app#/posts/${post.id}`;

/** Who wrote it, when, for whom. `tools` stand at the end of the line. */
export function postHead(post, tools) {
  const audience = AUDIENCES[post.audience.kind] ?? { icon: "people", label: post.audience.kind };
  const seen = h("span", { title: audience.label }, icon(audience.icon), h("span", { class: "visually-hidden" }, audience.label));
  const meta = h("div", { class: "post-meta" }, h("a", { href: postLink(post) }, when(post.created_at)), "·", seen, post.edited_at && "· edited");
  return h("header", { class: "post-head" }, h("div", { class: "post-by" }, nameLink(post.author), meta), tools);
}

export function postAvatar(author, size) {
  return h("a", { href: profileLink(author.handle), tabindex: "-1", "aria-hidden": "true" }, avatar(author, size));
}

/** What is declared of posts and this one has; the script for it comes where there is something. */
function postAttributes({ attributes = {} }) {
  if (!Object.keys(attributes).length) return [];
  const line = h("div", { class: "post-more" });
  import("/assets/shared/attributes.js").then((found) => line.append(found.attributeLine("posts", attributes)), () => {});
  return [line];
}

/** The text, folded when long, and what is declared beside it. */
export function postBody(post, whole = false) {
  const text = post.body;
  const more = postAttributes(post);
  const body = h("div", { class: "post-body", dir: "auto" }, linked(text));
  if (whole || (text.length < LONG_LETTERS && text.split("\n").length < LONG_LINES)) return [body, ...more];
  body.classList.add("long");
  const unfold = h("button", { class: "link" }, "Read all");
  unfold.addEventListener("click", () => {
    body.classList.remove("long");
    unfold.remove();
  });
  return [body, unfold, ...more];
}

/** "3 comments"; narrow screens show the number only. */
export function commentCount({ comment_count: number }) {
  return [number.toLocaleString(), h("span", { class: "word" }, number === 1 ? " comment" : " comments")];
}

/** The reactions as numbers, for readers who cannot react. */
export function reactionNumbers(post) {
  const kinds = Object.entries(post.reaction_counts).filter(([, number]) => number > 0);
  return kinds.map(([kind, number]) =>
    h("span", { class: "chip", title: kind }, icon(kind), number.toLocaleString(), h("span", { class: "visually-hidden" }, kind)),
  );
}

/** A post that one can only read. */
export function readOnlyPost(post) {
  const comments = h("a", { class: "chip", href: postLink(post) }, icon("comment"), commentCount(post));
  return h(
    "article",
    { class: "post card" },
    postAvatar(post.author),
    h("div", null, postHead(post), postBody(post), h("div", { class: "post-foot" }, reactionNumbers(post), comments)),
  );
}
