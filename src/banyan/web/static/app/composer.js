import { announce, h } from "/assets/shared/dom.js";
import { api } from "/assets/shared/api.js";
import { declaredOf } from "/assets/shared/community.js";
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
  const more = h("div", { hidden: true });
  const boxes = [];
  let read = null;

  // Fields for what is declared come when somebody begins to write.
  async function ask() {
    if (read || !(await declaredOf("posts"))) return;
    const { attributeFields } = await import("/assets/app/attribute_fields.js");
    if (read) return;
    const fields = attributeFields("posts", boxes);
    read = fields.read;
    more.replaceChildren(fields.node);
    more.hidden = false;
  }

  const node = h("form", { class: "composer card" }, box, more, which, alert, h("div", { class: "composer-foot" }, choice, go));
  // Where nobody knows what is declared the server says what it misses.
  const early = () => ask().catch(() => {});
  box.addEventListener("input", () => {
    localStorage.setItem(DRAFT, box.value);
    early();
  });
  if (box.value) early();
  return sending(node, go, alert, async () => {
    const audience = value();
    await early();
    const post = await api.post("/v1/posts", { body: box.value, audience, attributes: await read?.() });
    box.value = "";
    more.hidden = true;
    more.replaceChildren();
    boxes.length = 0;
    read = null;
    localStorage.removeItem(DRAFT);
    localStorage.setItem(CHOICE, audience.kind);
    if (audience.id) localStorage.setItem(LIST, audience.id);
    published(post);
    announce("Posted.");
  }, boxes);
}
