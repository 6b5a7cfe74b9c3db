import { announce, h } from "/assets/shared/dom.js";
import { api } from "/assets/shared/api.js";
import { sending } from "/assets/shared/forms.js";
import { audienceChoice } from "/assets/app/audience_choice.js";
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
  const last = { kind: localStorage.getItem(CHOICE) ?? "public", id: localStorage.getItem(LIST) };
  const { choice, which, value } = audienceChoice(last);
  const go = h("button", { class: "button primary" }, "Post");
  const alert = h("div", { class: "alert", role: "alert", hidden: true });
  const node = h("form", { class: "composer card" }, box, which, alert, h("div", { class: "composer-foot" }, choice, go));
  box.addEventListener("input", () => localStorage.setItem(DRAFT, box.value));
  return sending(node, go, alert, async () => {
    const audience = value();
    const post = await api.post("/v1/posts", { body: box.value, audience });
    box.value = "";
    localStorage.removeItem(DRAFT);
    localStorage.setItem(CHOICE, audience.kind);
    if (audience.id) localStorage.setItem(LIST, audience.id);
    published(post);
    announce("Posted.");
  });
}
