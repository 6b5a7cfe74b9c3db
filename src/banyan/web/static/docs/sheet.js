import { h } from "/assets/shared/dom.js";
import { copyButton } from "/assets/docs/copy.js";

/** Code on a dark sheet with a title and a copy button; `write(text)` changes it. */
export function sheet(title, text = "") {
  const code = h("code");
  const heading = h("span");
  const pre = h("pre", { tabindex: "0", "aria-label": title }, code);
  const node = h("div", { class: "sheet" }, h("div", { class: "sheet-head" }, heading, copyButton("Copy", () => code.textContent)), pre);
  const write = (next, name = title) => {
    code.textContent = next;
    heading.textContent = name;
  };
  write(text);
  return Object.assign(node, { write });
}
