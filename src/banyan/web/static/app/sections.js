import { announce, h } from "/assets/shared/dom.js";
import { during } from "/assets/shared/forms.js";

/** A button that does something at once; what goes wrong is announced. */
export function action(text, style, work) {
  const button = h("button", { type: "button", class: `button small ${style}` }, text);
  button.addEventListener("click", () => during(button, work, announce));
  return button;
}

export const section = (title, ...content) => h("section", { class: "card stack" }, h("h2", null, title), ...content);
export const line = () => h("div", { class: "skeleton line" });
