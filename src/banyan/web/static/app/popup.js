import { h, icon } from "/assets/shared/dom.js";

/** A button with a panel that it opens; Escape, a choice or a click elsewhere closes it. */
export function popup(button, panel) {
  const box = h("div", { class: "popup" }, button, panel);
  const outside = ({ target }) => box.contains(target) || open(false);
  const open = (yes) => {
    panel.hidden = !yes;
    button.setAttribute("aria-expanded", String(yes));
    if (yes) document.addEventListener("pointerdown", outside);
    else document.removeEventListener("pointerdown", outside);
  };
  open(false);
  button.addEventListener("click", () => {
    open(panel.hidden);
    if (!panel.hidden) panel.querySelector("button").focus();
  });
  panel.addEventListener("click", () => open(false));
  box.addEventListener("keydown", (event) => {
    const buttons = [...panel.querySelectorAll("button")];
    const at = buttons.indexOf(document.activeElement);
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (event.key === "Escape" && !panel.hidden) {
      open(false);
      button.focus();
    } else if (step && at >= 0) buttons.at((at + step) % buttons.length).focus();
    else return;
    event.preventDefault();
  });
  box.addEventListener("focusout", ({ relatedTarget }) => relatedTarget && !box.contains(relatedTarget) && open(false));
  return box;
}

/** Choices behind three dots: [["Edit", act], ...]. */
export function menu(label, choices) {
  const button = h("button", { class: "tool", "aria-label": label }, icon("more"));
  const panel = h("div", { class: "panel menu" }, choices.map(([text, act]) => h("button", { onclick: act }, text)));
  return popup(button, panel);
}
