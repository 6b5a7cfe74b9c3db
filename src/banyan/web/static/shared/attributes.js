import { h } from "/assets/shared/dom.js";
import { declaredOf } from "/assets/shared/community.js";

const DATE = new Intl.DateTimeFormat(navigator.language, { dateStyle: "medium" });

/** shirt_size -> "Shirt size" */
export function wordsOf(name) {
  const words = name.replaceAll("_", " ");
  return words[0].toUpperCase() + words.slice(1);
}

/** A line of what a thing of this kind has, in the order of the declaration; empty until that is known. */
export function attributeLine(kind, attributes) {
  const line = h("p", { class: "hint" });
  fill(line, kind, attributes);
  return line;
}

async function fill(line, kind, attributes) {
  // Without an answer the names have to do.
  const declared = (await declaredOf(kind).catch(() => null)) ?? {};
  const named = Object.keys({ ...declared, ...attributes }).filter((name) => name in attributes);
  const parts = named.map((name) => {
    const { type, audience } = declared[name] ?? {};
    return [`${wordsOf(name)}: `, h("bdi", null, said(attributes[name], type)), audience === "self" && " (only you see it)"];
  });
  line.append(...parts.flatMap((part, index) => [index && " · ", ...part]).filter(Boolean));
}

function said(value, type) {
  if (typeof value === "boolean") return value ? "Yes" : "No";
  return type === "date" ? DATE.format(new Date(`${value}T00:00`)) : String(value);
}
