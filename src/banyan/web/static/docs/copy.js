import { announce, h } from "/assets/shared/dom.js";

// The clipboard API is missing on plain http outside localhost: there a selection does it.
function copyBySelection(text) {
  const box = h("textarea", { class: "visually-hidden", value: text });
  document.body.append(box);
  box.select();
  const copied = document.execCommand("copy");
  box.remove();
  return copied;
}

/** A button that copies what `text()` gives when it is pressed. */
export function copyButton(label, text, style = "link") {
  const button = h("button", { type: "button", class: style }, label);
  button.addEventListener("click", async () => {
    const copied = await navigator.clipboard?.writeText(text()).then(() => true, () => false);
    announce(copied || copyBySelection(text()) ? "Copied." : "The browser did not allow it: select the text instead.");
    button.focus();
  });
  return button;
}
