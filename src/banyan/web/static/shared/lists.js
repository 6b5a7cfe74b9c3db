import { count, h } from "/assets/shared/dom.js";
import { Problem } from "/assets/shared/problem.js";

const keyOf = (item) => item.id ?? item.person?.id;

/** A list that is read page by page: skeleton, items, "load more", empty and error states.
 *
 * load(cursor) -> {items, next_cursor}; render(item) -> node; empty: node shown when there is nothing.
 * The node has `reload()`, `prepend(item)`, `add(item)` and `ids` (a Set of the ids shown).
 */
export function cursorList({ label, load, render, empty, skeleton = () => h("div", { class: "skeleton" }) }) {
  const items = h("div", { class: "items", role: "list", "aria-label": label });
  const foot = h("div", { class: "list-foot" });
  const node = h("section", { class: "list", "aria-busy": "true" }, items, foot);
  const ids = new Set();

  const row = (item) => h("div", { role: "listitem", class: "item" }, render(item, node));
  const tidy = () => {
    if (!items.childElementCount && !foot.childElementCount && empty) foot.replaceChildren(empty);
  };

  // What was put in while the first page was on its way stays.
  const bare = () => items.querySelectorAll(":scope > [aria-hidden]").forEach((bone) => bone.remove());

  async function next(cursor) {
    node.setAttribute("aria-busy", "true");
    try {
      const page = await load(cursor);
      if (!cursor) bare();
      const fresh = page.items.filter((item) => !ids.has(keyOf(item)));
      fresh.forEach((item) => ids.add(keyOf(item)));
      const rows = fresh.map(row);
      items.append(...rows);
      end(page.next_cursor, cursor ? rows[0] : null);
      return page;
    } catch (problem) {
      if (!cursor) bare();
      foot.replaceChildren(failure(problem, () => (cursor ? next(cursor) : start())));
    } finally {
      node.removeAttribute("aria-busy");
    }
  }

  function end(cursor, first) {
    const more = h("button", { class: "button quiet wide" }, "Load more");
    more.addEventListener("click", () => {
      more.setAttribute("aria-busy", "true");
      next(cursor);
    });
    foot.replaceChildren(...(cursor ? [more] : []));
    // The pressed button is gone: go on at the first thing that it brought.
    if (first && !cursor) {
      first.tabIndex = -1;
      first.focus({ preventScroll: true });
    }
    tidy();
  }

  function start() {
    ids.clear();
    foot.replaceChildren();
    items.replaceChildren(...Array.from({ length: 3 }, () => h("div", { "aria-hidden": "true" }, skeleton())));
    return next(null);
  }

  const put = (item, place) => {
    if (ids.has(keyOf(item))) return;
    ids.add(keyOf(item));
    if (foot.contains(empty)) foot.replaceChildren();
    items[place](row(item));
  };
  // A row may be taken out by whoever drew it.
  new MutationObserver(tidy).observe(items, { childList: true });
  return Object.assign(node, {
    reload: start,
    prepend: (item) => put(item, "prepend"),
    add: (item) => put(item, "append"),
    ids,
    ready: start(),
  });
}

/** What a page shows instead of what it could not load. */
export function failure(problem, again) {
  if (!(problem instanceof Problem)) console.error(problem);
  const retry = again && problem.status !== 404 && h("button", { class: "button", onclick: again }, "Try again");
  const reference = problem.requestId && h("p", { class: "hint" }, `Reference: ${problem.requestId}`);
  return h("div", { class: "notice", role: "alert" }, h("p", null, waiting(problem)), reference, retry);
}

function waiting({ message, retryAfterSeconds }) {
  return retryAfterSeconds ? `${message} Try again in ${count(Math.ceil(retryAfterSeconds), "second", "seconds")}.` : message;
}
