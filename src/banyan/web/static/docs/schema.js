import { h } from "/assets/shared/dom.js";
import { prose } from "/assets/docs/prose.js";

const DEPTH = 6;

/** {schema without its null, called, nullable} of a schema that may be a reference or "X or null". */
export function plain(document, schema) {
  const known = document.follow(schema);
  const choices = known.oneOf ?? known.anyOf;
  if (known.allOf?.length === 1) return plain(document, { ...known.allOf[0], description: known.description });
  if (choices) {
    const real = choices.filter((choice) => choice.type !== "null");
    const nullable = real.length < choices.length;
    if (real.length === 1) {
      const { oneOf, anyOf, called, ...beside } = known;
      const inner = plain(document, real[0]);
      return { schema: { ...inner.schema, ...beside }, called: inner.called, nullable };
    }
    return { schema: { ...known, choices: real }, called: known.called, nullable };
  }
  if (Array.isArray(known.type)) {
    const types = known.type.filter((type) => type !== "null");
    return { schema: { ...known, type: types.length === 1 ? types[0] : types.join(" or ") }, called: known.called, nullable: types.length < known.type.length };
  }
  return { schema: known, called: known.called, nullable: false };
}

export function typeText(document, raw) {
  const { schema, called, nullable } = plain(document, raw);
  return base(document, schema, called) + (nullable ? " or null" : "");
}

function base(document, schema, called) {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return "one of";
  if (schema.choices) return [...new Set(schema.choices.map((choice) => choice.enum?.map((value) => JSON.stringify(value)).join(", ") ?? typeText(document, choice)))].join(" or ");
  if (schema.type === "array") return `list of ${schema.items ? typeText(document, schema.items) : "anything"}`;
  if (schema.type === "object" || schema.properties) return called ?? (schema.additionalProperties ? `map of ${mapText(document, schema)}` : "object");
  return [schema.type ?? "anything", schema.format && `(${schema.format})`].filter(Boolean).join(" ");
}

const mapText = (document, schema) => (schema.additionalProperties === true ? "anything" : typeText(document, schema.additionalProperties));

function range(from, to, what) {
  if (from === undefined && to === undefined) return null;
  if (to === undefined) return `at least ${from.toLocaleString()} ${from === 1 ? what.replace(/s$/, "") : what}`;
  return `${from === undefined ? "at most" : `${from.toLocaleString()} to`} ${to.toLocaleString()} ${what}`;
}

function bounds(schema) {
  const texts = [
    range(schema.minLength, schema.maxLength, "characters"),
    range(schema.minItems, schema.maxItems, "items"),
    range(schema.minimum, schema.maximum, ""),
    range(schema.exclusiveMinimum, schema.exclusiveMaximum, "(ends excluded)"),
  ].filter(Boolean);
  if (schema.default !== undefined && schema.default !== null) texts.push(["default ", h("code", null, JSON.stringify(schema.default))]);
  if (schema.pattern) texts.push(["matches ", h("code", null, schema.pattern)]);
  const example = schema.examples?.[0] ?? schema.example;
  if (example !== undefined && typeof example !== "object") texts.push(["such as ", h("code", null, JSON.stringify(example))]);
  return texts.flatMap((text, index) => (index ? [", ", text].flat() : text));
}

/** One field or parameter: name, type, what it must be, and what is inside it. */
export function property(document, { name, schema: raw, required, description, place }, depth = 0) {
  const { schema } = plain(document, raw ?? {});
  const head = h(
    "div",
    { class: "property" },
    h("code", null, name),
    h("span", { class: "type" }, typeText(document, raw ?? {}), schema.enum && [" ", ...enumeration(schema.enum)]),
    place && h("span", { class: "type" }, `in ${place}`),
    required && h("span", { class: "required" }, "required"),
  );
  const limits = bounds(schema);
  const text = description ?? schema.description;
  return h("li", null, head, limits.length > 0 && h("p", { class: "hint" }, limits), text && h("div", { class: "hint" }, prose(text)), inside(document, schema, depth));
}

const enumeration = (values) => values.filter((value) => value !== null).flatMap((value, index) => [index ? ", " : "", h("code", null, JSON.stringify(value))]);

function inside(document, schema, depth) {
  const target = nested(document, schema);
  if (!target || depth >= DEPTH) return null;
  const details = h("details", { class: "deeper" }, h("summary", null, `Fields of ${target.called ?? "it"}`));
  details.addEventListener("toggle", () => details.childElementCount > 1 || details.append(properties(document, target, depth + 1)), { once: true });
  return details;
}

/** The object that a schema is or holds, if any. */
function nested(document, schema) {
  if (schema.properties) return schema;
  if (schema.type === "array" && schema.items) return nested(document, plain(document, schema.items).schema);
  if (schema.choices) return schema.choices.map((choice) => nested(document, plain(document, choice).schema)).find(Boolean);
  if (typeof schema.additionalProperties === "object") return nested(document, plain(document, schema.additionalProperties).schema);
  return null;
}

function properties(document, schema, depth) {
  const required = new Set(schema.required ?? []);
  const rows = Object.entries(schema.properties).map(([name, inner]) => property(document, { name, schema: inner, required: required.has(name) }, depth));
  return h("ul", { class: "properties" }, rows);
}

/** A whole body: its fields, or its type when it has none. */
export function schemaTree(document, raw) {
  const { schema } = plain(document, raw);
  const target = nested(document, schema);
  const list = schema.type === "array" && h("p", { class: "hint" }, typeText(document, raw));
  return target ? h("div", null, list, properties(document, target, 0)) : h("p", { class: "type" }, typeText(document, raw));
}
