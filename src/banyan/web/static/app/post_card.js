import { announce, h, icon } from "/assets/shared/dom.js";
import { api } from "/assets/shared/api.js";
import { offline } from "/assets/shared/problem.js";
import { commentCount, postAvatar, postBody, postHead, reactionNumbers } from "/assets/posts/face.js";
import { confirm } from "/assets/app/confirm.js";
import { me } from "/assets/app/me.js";
import { menu } from "/assets/app/popup.js";
import { reactionBar } from "/assets/app/reactions.js";

/** A post one can react to, comment on and, when it is one's own, change. `open`: comments shown, text unfolded. */
export function postCard(post, { open = false } = {}) {
  const article = h("article", { class: "post" });
  const text = h("div");
  const column = h("div");
  const mine = post.author.id === me()?.id;
  const saving = h("span");
  const own = mine ? [["Edit", edit], ["Delete", remove]] : [];
  const tools = me() && menu(mine ? "Change this post" : "More about this post", [[saving, save], ...own]);

  const number = h("span");
  const talk = h("button", { class: "chip", "aria-expanded": "false", onclick: toggle }, icon("comment"), number);
  let thread = null;

  function counts(change) {
    post.comment_count += change;
    number.replaceChildren(...commentCount(post));
  }

  async function toggle() {
    const found = await import("/assets/app/comments.js").catch(() => announce(offline().message));
    if (!found) return;
    if (thread) thread = thread.remove();
    else column.append((thread = found.commentThread(post, counts)));
    talk.setAttribute("aria-expanded", String(Boolean(thread)));
  }

  const read = () => text.replaceChildren(...postBody(post, open));
  let head = postHead(post, tools);

  async function edit() {
    const found = await import("/assets/app/edit_post.js").catch(() => announce(offline().message));
    if (!found) return;
    text.replaceChildren(found.editForm(post, edited));
    text.querySelector("textarea").focus();
  }

  function edited(changed) {
    Object.assign(post, changed);
    const old = head;
    head = postHead(post, tools);
    old.replaceWith(head);
    read();
    tools.querySelector("button").focus();
  }

  const drawSaving = () => (saving.textContent = post.saved ? "Saved: take it out" : "Save");

  async function save() {
    try {
      await (post.saved ? api.remove : api.put)(`/v1/posts/${post.id}/save`);
      post.saved = !post.saved;
      drawSaving();
      announce(post.saved ? "Saved. You find it on your profile." : "Not saved any more.");
    } catch (problem) {
      announce(problem.message);
    }
  }

  async function remove() {
    if (!(await confirm({ title: "Delete this post?", text: "Its comments and reactions go with it.", action: "Delete" }))) return;
    try {
      await api.remove(`/v1/posts/${post.id}`);
      (article.closest(".item") ?? article).remove();
      announce("Post deleted.");
    } catch (problem) {
      announce(problem.message);
    }
  }

  counts(0);
  read();
  drawSaving();
  const bar = me() ? reactionBar(post) : h("div", { class: "post-foot" }, reactionNumbers(post));
  bar.append(talk);
  column.append(head, text, bar);
  article.append(postAvatar(post.author), column);
  if (open) toggle();
  return article;
}
