import { announce, h, icon } from "/assets/shared/dom.js";
import { api } from "/assets/shared/api.js";
import { sending } from "/assets/shared/forms.js";
import { offline } from "/assets/shared/problem.js";
import { AUDIENCES } from "/assets/posts/face.js";
import { me } from "/assets/app/me.js";

const DRAFT = "banyan.draft";
const CHOICE = "banyan.audience";
const LIST = "banyan.list";

/** Writes a post. The text survives a reload and a lost connection; published(post) is told. */
export function composer(published) {
  const box = h("textarea", {
    name: "body", rows: "2", required: true, dir: "auto",
    "aria-label": "Write a post", placeholder: `What is new, ${me().display_name}?`,
    value: localStorage.getItem(DRAFT) ?? "",
  });
  const last = localStorage.getItem(CHOICE) ?? "public";
  const choice = h("fieldset", { class: "choice" }, h("legend", { class: "visually-hidden" }, "Who may read it"));
  for (const [kind, { icon: picture, label }] of Object.entries(AUDIENCES)) {
    const radio = h("input", { type: "radio", name: "audience", value: kind, checked: kind === last });
    choice.append(h("label", { title: label }, radio, h("span", null, icon(picture), label)));
  }
  const which = h("div", { hidden: true });
  const go = h("button", { class: "button primary" }, "Post");
  const alert = h("div", { class: "alert", role: "alert", hidden: true });
  const node = h("form", { class: "composer card" }, box, which, alert, h("div", { class: "composer-foot" }, choice, go));
  const kindOf = () => node.elements.audience.value;

  async function drawWhich() {
    which.replaceChildren();
    which.hidden = kindOf() !== "list";
    const found = !which.hidden && (await import("/assets/app/list_choice.js").catch(() => announce(offline().message)));
    // Another may have been chosen meanwhile.
    if (found && !which.hidden) which.replaceChildren(found.listChoice(localStorage.getItem(LIST)));
  }

  choice.addEventListener("change", drawWhich);
  drawWhich();
  box.addEventListener("input", () => localStorage.setItem(DRAFT, box.value));
  return sending(node, go, alert, async () => {
    const kind = kindOf();
    const id = new FormData(node).get("list");
    const post = await api.post("/v1/posts", { body: box.value, audience: id ? { kind, id } : { kind } });
    box.value = "";
    localStorage.removeItem(DRAFT);
    localStorage.setItem(CHOICE, kind);
    if (id) localStorage.setItem(LIST, id);
    published(post);
    announce("Posted.");
  });
}
