import { h } from "/assets/shared/dom.js";

let fields = 0;

/** A labelled input that can show what is wrong with it. `name` is the API's field name. */
export function field({ name, label, hint, tag = "input", ...attributes }) {
  const id = `f${++fields}`;
  const input = h(tag, { id, name, "aria-describedby": `${id}n`, ...attributes });
  const note = h("p", { class: "hint", id: `${id}n` }, hint);
  const box = h("div", { class: "field" }, h("label", { for: id }, label), input, note);
  input.addEventListener("input", () => mark(input, note, null, hint));
  return Object.assign(box, { input, name, complain: (text) => mark(input, note, text, hint) });
}

function mark(input, note, complaint, hint) {
  note.textContent = complaint ?? hint ?? "";
  note.classList.toggle("wrong", Boolean(complaint));
  if (complaint) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
}

/** A form that sends its fields as one object and shows the answer's problems at the right places; `between` stands
 *  after the fields. */
export function form({ fields: boxes, between = [], button, submit, extra = [], ...attributes }) {
  const alert = h("div", { role: "alert", class: "alert", hidden: true });
  const go = h("button", { type: "submit", class: "button primary" }, button);
  const node = h("form", { novalidate: false, ...attributes }, boxes, between, alert, h("div", { class: "row" }, go, extra));
  return sending(node, go, alert, () => submit(Object.fromEntries(new FormData(node)), node), boxes);
}

/** The form, which now does `work` when it is sent: once at a time, problems shown in `alert` and at `boxes`. */
export function sending(node, go, alert, work, boxes = []) {
  const begin = () => {
    alert.hidden = true;
    return work();
  };
  node.addEventListener("submit", (event) => {
    event.preventDefault();
    once(go, begin, (problem) => showProblem(problem, boxes, alert));
  });
  return node;
}

function showProblem(problem, boxes, alert) {
  const others = [];
  let first = null;
  for (const { field: path, detail } of problem.fields ?? []) {
    const box = boxes.find((candidate) => candidate.name === path || path?.endsWith(`.${candidate.name}`));
    if (box) {
      box.complain(detail);
      first ??= box.input;
    } else others.push(`${path}: ${detail}`);
  }
  alert.replaceChildren(h("p", null, problem.message), ...others.map((text) => h("p", null, text)));
  alert.hidden = false;
  first?.focus();
}

/** Runs what a button does: busy while it lasts, problems announced by `complain`. */
export const during = (button, work, complain) => once(button, work, (problem) => complain(problem.message));

// A second press while the first one lasts does nothing.
async function once(button, work, failed) {
  if (button.getAttribute("aria-busy")) return;
  button.setAttribute("aria-busy", "true");
  try {
    await work();
  } catch (problem) {
    failed(problem);
  } finally {
    button.removeAttribute("aria-busy");
  }
}
