import { announce, h, icon } from "/assets/shared/dom.js";
import { api } from "/assets/shared/api.js";
import { popup } from "/assets/app/popup.js";

const KINDS = ["like", "love", "laugh", "wow", "sad", "angry"];

/** Chips with the numbers, and a button that opens the six kinds. Shown at once, taken back when the API refuses. */
export function reactionBar(post) {
  const chips = h("div", { class: "row" });
  const add = h("button", { class: "chip", "aria-label": "React" }, icon("react"));
  const picker = h("div", { class: "panel picker", role: "group", "aria-label": "Reactions" });
  const bar = h("div", { class: "post-foot" }, popup(add, picker), chips);
  let saving = Promise.resolve();

  function draw() {
    const focused = document.activeElement?.dataset?.kind;
    picker.replaceChildren(...KINDS.map((kind) => button(kind, "", icon(kind))));
    const used = KINDS.filter((kind) => post.reaction_counts[kind] > 0);
    chips.replaceChildren(...used.map((kind) => button(kind, "chip", icon(kind), post.reaction_counts[kind].toLocaleString())));
    if (focused) (chips.querySelector(`[data-kind=${focused}]`) ?? add).focus();
  }

  function button(kind, style, ...inside) {
    const pressed = String(post.my_reaction === kind);
    const name = inside.length > 1 ? `${kind}, ${inside[1]}` : kind;
    return h("button", { class: style, "data-kind": kind, "aria-pressed": pressed, "aria-label": name, onclick: () => choose(kind) }, ...inside);
  }

  function set(kind) {
    const counts = post.reaction_counts;
    if (post.my_reaction) counts[post.my_reaction] -= 1;
    if (kind) counts[kind] = (counts[kind] ?? 0) + 1;
    post.my_reaction = kind;
    draw();
  }

  function choose(kind) {
    const before = post.my_reaction;
    const next = before === kind ? null : kind;
    set(next);
    const path = `/v1/posts/${post.id}/reactions/${kind}`;
    // One after the other: a quick second choice must reach the server second.
    saving = saving.then(async () => {
      try {
        const answer = await (next ? api.put(path) : api.remove(path));
        if (answer?.my_reaction !== post.my_reaction) return;
        Object.assign(post, answer);
        draw();
      } catch (problem) {
        if (post.my_reaction === next) set(before);
        announce(problem.message);
      }
    });
  }

  draw();
  return bar;
}
