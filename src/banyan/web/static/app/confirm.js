import { h } from "/assets/shared/dom.js";

/** Asks before something that cannot be undone; true when the person agrees. */
export function confirm({ title, text, action }) {
  const answer = (value, name, style) => h("button", { value, class: `button ${style}` }, name);
  const choices = h("form", { method: "dialog", class: "row" }, answer("", "Keep", ""), answer("yes", action, "danger"));
  const dialog = h("dialog", { "aria-label": title }, h("h2", null, title), h("p", null, text), choices);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((done) =>
    dialog.addEventListener("close", () => {
      dialog.remove();
      done(dialog.returnValue === "yes");
    }),
  );
}
