import { announce, h } from "/assets/shared/dom.js";
import { api, query } from "/assets/shared/api.js";

// A person has no more.
const ALL = 100;

/** A field for one of one's lists; `last` is chosen where it is still there. */
export function listChoice(last, required = true) {
  const box = h("select", { name: "list", "aria-label": "Which list", required });
  const none = h("p", { class: "hint", hidden: true }, "You have no list yet. ", h("a", { href: "#/connections/lists" }, "Make one"));

  async function fill() {
    const { items } = await api.get(query("/v1/lists", { limit: ALL }));
    box.replaceChildren(h("option", { value: "" }, "Which list?"), ...items.map(({ id, name }) => h("option", { value: id }, name)));
    box.value = items.some(({ id }) => id === last) ? last : "";
    none.hidden = items.length > 0;
  }
  fill().catch((problem) => announce(problem.message));
  return h("div", { class: "stack" }, box, none);
}
