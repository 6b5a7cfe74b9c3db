import { plain } from "/assets/docs/schema.js";

const DEPTH = 5;
const FORMATS = {
  uuid: "0192f5e2-7c1a-7d30-8a52-3f0b6a1c9d11",
  "date-time": "2026-11-20T09:30:00Z",
  date: "2026-11-20",
  email: "ada@example.org",
  uri: "https://example.org/",
};

/** A value that fits a schema; its own examples and defaults come first. */
export function exampleOf(document, raw, depth = 0) {
  const { schema, nullable } = plain(document, raw ?? {});
  const given = schema.examples?.[0] ?? schema.example ?? schema.const ?? schema.enum?.[0];
  if (given !== undefined) return given;
  if (schema.default !== undefined && schema.default !== null) return schema.default;
  if (depth > DEPTH) return null;
  if (schema.choices) return exampleOf(document, schema.choices.find((choice) => choice.$ref || choice.properties) ?? schema.choices[0], depth + 1);
  if (schema.properties) return Object.fromEntries(Object.entries(schema.properties).map(([name, inner]) => [name, exampleOf(document, inner, depth + 1)]));
  if (schema.type === "array") return [exampleOf(document, schema.items, depth + 1)];
  if (schema.type === "object") return typeof schema.additionalProperties === "object" ? { key: exampleOf(document, schema.additionalProperties, depth + 1) } : {};
  if (schema.type === "integer" || schema.type === "number") return schema.minimum ?? 0;
  if (schema.type === "boolean") return true;
  if (schema.type === "string") return nullable && !schema.format ? null : FORMATS[schema.format] ?? "text";
  return null;
}

/** What to start a body with: the media's example, or one made from the schema. */
export function bodyExample(document, media) {
  const named = Object.values(media.examples ?? {})[0];
  return media.example ?? (named && document.follow(named).value) ?? exampleOf(document, media.schema);
}
