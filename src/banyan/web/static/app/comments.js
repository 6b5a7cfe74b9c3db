import { announce, h, linked } from "/assets/shared/dom.js";
import { api, query } from "/assets/shared/api.js";
import { sending } from "/assets/shared/forms.js";
import { cursorList } from "/assets/shared/lists.js";
import { avatar, nameLink } from "/assets/shared/person.js";
import { when } from "/assets/shared/time.js";
import { me } from "/assets/app/me.js";
import { confirm } from "/assets/app/confirm.js";

/** The comments of a post and a place to write one; counts(change) is told when their number changes. */
export function commentThread(post, counts) {
  const list = cursorList({
    label: "Comments",
    load: (cursor) => api.get(query(`/v1/posts/${post.id}/comments`, { cursor })),
    render: (comment) => commentRow(comment, post, counts),
    empty: h("p", { class: "hint" }, "No comments yet."),
    skeleton: () => h("div", { class: "skeleton line" }),
  });
  return h("div", { class: "comments" }, list, me() && writer(post, list, counts));
}

// Stands where a comment with replies was deleted.
const nobody = { handle: "", display_name: "Deleted comment", avatar_url: null };

function commentRow(comment, post, counts) {
  if (comment.deleted) return h("div", { class: "comment" }, avatar(nobody, "small"), h("p", { class: "hint" }, nobody.display_name));
  const remove = async () => {
    if (!(await confirm({ title: "Delete this comment?", text: "It cannot be brought back.", action: "Delete" }))) return;
    try {
      await api.remove(`/v1/comments/${comment.id}`);
      if (comment.reply_count) row.replaceWith(commentRow({ ...comment, deleted: true }, post, counts));
      else row.closest(".item").remove();
      counts(-1);
    } catch (problem) {
      announce(problem.message);
    }
  };
  const mine = me() && [comment.author.id, post.author.id].includes(me().id);
  const head = h("div", { class: "comment-head" }, nameLink(comment.author), when(comment.created_at), mine && h("button", { class: "link", onclick: remove }, "Delete"));
  const row = h("div", { class: "comment" }, avatar(comment.author, "small"), h("div", null, head, h("p", { class: "comment-body", dir: "auto" }, linked(comment.body))));
  return row;
}

function writer(post, list, counts) {
  const box = h("textarea", { name: "body", rows: "1", "aria-label": "Write a comment", placeholder: "Write a comment", required: true, dir: "auto" });
  const go = h("button", { class: "button primary" }, "Send");
  const alert = h("div", { class: "alert", role: "alert", hidden: true });
  const node = h("form", { class: "write" }, box, go, alert);
  return sending(node, go, alert, async () => {
    const comment = await api.post(`/v1/posts/${post.id}/comments`, { body: box.value });
    box.value = "";
    list.add(comment);
    counts(1);
  });
}
