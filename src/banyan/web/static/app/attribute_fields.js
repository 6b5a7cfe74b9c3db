import { h } from "/assets/shared/dom.js";
import { wordsOf } from "/assets/shared/attributes.js";
import { declaredOf } from "/assets/shared/community.js";
import { field } from "/assets/shared/forms.js";

const SPELLED = { true: "Yes", false: "No" };

/** A place for the fields of what is declared of a kind; they also go to `boxes`, where a form looks for the ones to
 *  complain at. `now()` is what there is, null for something new. `read()` gives what was changed, as the API takes it,
 *  undefined for nothing; it throws Problem where the fields cannot be had. */
export function attributeFields(kind, boxes, now = () => null) {
  const node = h("div", { class: "stack", hidden: true });
  let fields = null;
  let drawing = null;
  // What nobody has touched is not sent: it may be of a type that was declared before.
  const touched = new Set();

  async function make() {
    const declared = Object.entries((await declaredOf(kind)) ?? {});
    fields = declared.map(([name, one]) => [name, one.type, fieldOf(name, one, now())]);
    const drawn = fields.map(([, , box]) => box);
    for (const [name, , { input }] of fields) input.addEventListener("input", () => touched.add(name));
    boxes.push(...drawn);
    node.replaceChildren(...drawn);
    node.hidden = !drawn.length;
  }

  function draw() {
    drawing ??= make().catch((problem) => {
      drawing = null;
      throw problem;
    });
    return drawing;
  }

  async function read() {
    await draw();
    const before = now() ?? {};
    const values = fields.map(([name, type, box]) => [name, valueOf(box.input, type)]);
    const changed = values.filter(([name, value]) => touched.has(name) && value !== (before[name] ?? null));
    return changed.length ? Object.fromEntries(changed) : undefined;
  }

  // Whoever sends the form asks again, and hears what went wrong.
  draw().catch(() => {});
  return { node, read };
}

function fieldOf(name, { type, description, required, audience, minimum, maximum, choices }, now) {
  // What has it keeps it; what was there before it was required may go on without.
  const must = Boolean(required) && (!now || name in now);
  const box = field({
    name: `attributes.${name}`,
    label: [wordsOf(name), must && h("span", { class: "hint" }, " · required")],
    hint: [description, audience === "self" && "Only you see it."].filter(Boolean).join(" "),
    required: must,
    ...inputOf(type, minimum, maximum),
  });
  const { input } = box;
  // Read by its type, not as one of the form's texts.
  input.removeAttribute("name");
  if (input.localName === "select") input.append(h("option", { value: "" }, "Choose"), ...optionsOf(type, choices));
  input.value = now?.[name] ?? "";
  return box;
}

function inputOf(type, minimum, maximum) {
  switch (type) {
    case "integer":
      return { type: "number", inputmode: minimum >= 0 ? "numeric" : null, step: 1, min: minimum && Math.ceil(minimum), max: maximum && Math.floor(maximum) };
    case "number":
      return { type: "number", step: "any", min: minimum, max: maximum };
    case "date":
      return { type: "date" };
    case "string":
      return { dir: "auto" };
    default:
      return { tag: "select" };
  }
}

function optionsOf(type, choices) {
  const spelled = type === "boolean" ? Object.entries(SPELLED) : choices.map((choice) => [choice, choice]);
  return spelled.map(([value, words]) => h("option", { value }, words));
}

function valueOf({ value, valueAsNumber }, type) {
  if (!value) return null;
  if (type === "boolean") return value === "true";
  return type === "integer" || type === "number" ? valueAsNumber : value;
}
