import { h } from "/assets/shared/dom.js";
import { field } from "/assets/shared/forms.js";
import { randomKey } from "/assets/shared/keys.js";
import { bodyExample, exampleOf } from "/assets/docs/example.js";
import { target } from "/assets/docs/curl.js";
import { plain, typeText } from "/assets/docs/schema.js";
import { bearer } from "/assets/docs/token.js";
import { sheet } from "/assets/docs/sheet.js";

const LONGEST_BODY_LETTERS = 100000;
const SHOWN_HEADERS = ["content-type", "etag", "location", "retry-after", "ratelimit", "ratelimit-policy", "x-request-id"];
const PLACES = { path: "inPath", query: "inQuery", header: "inHeader" };

const isKey = (parameter) => parameter.name.toLowerCase() === "idempotency-key";

/** The values that a request starts with: nothing filled in but the body's example. */
export function startValues(document, operation) {
  const values = { inPath: {}, inQuery: {}, inHeader: {}, body: "" };
  for (const parameter of operation.parameters) {
    const fixed = plain(document, parameter.schema ?? {}).schema;
    const first = parameter.required && parameter.in === "query" ? String(exampleOf(document, fixed)) : "";
    values[PLACES[parameter.in]][parameter.name] = isKey(parameter) ? randomKey() : first;
  }
  if (operation.body) values.body = JSON.stringify(bodyExample(document, operation.body), null, 2);
  return values;
}

/** A form that sends the operation; changed() is called whenever a value changes. */
export function tryIt(document, operation, values, changed) {
  const answer = sheet("Response");
  answer.hidden = true;
  const fields = operation.parameters.map((parameter) => parameterField(document, parameter, values, changed));
  if (operation.body) fields.push(bodyField(values, changed));
  const go = h("button", { class: "button primary" }, "Send");
  const form = h("form", null, fields, h("div", { class: "row" }, go));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    go.setAttribute("aria-busy", "true");
    answer.hidden = false;
    answer.write(...(await exchange(operation, values)));
    go.removeAttribute("aria-busy");
  });
  const details = h("details", { class: "try" }, h("summary", null, "Try it"), form);
  return [details, answer];
}

function parameterField(document, parameter, values, changed) {
  const place = values[PLACES[parameter.in]];
  const { schema } = plain(document, parameter.schema ?? {});
  const label = `${parameter.name} (${parameter.in})`;
  const box = field({
    name: parameter.name, label, hint: schema.enum ? schema.enum.join(", ") : typeText(document, parameter.schema ?? {}),
    required: parameter.in === "path", autocomplete: "off", spellcheck: "false", value: place[parameter.name],
  });
  box.input.addEventListener("input", () => {
    place[parameter.name] = box.input.value;
    changed();
  });
  return box;
}

function bodyField(values, changed) {
  const box = field({ name: "request-body", label: "Body (JSON)", tag: "textarea", rows: "6", spellcheck: "false", value: values.body });
  box.input.addEventListener("input", () => {
    values.body = box.input.value;
    changed();
  });
  return box;
}

/** Sends it as it stands, wrong or right: [text of the answer, title]. */
async function exchange(operation, values) {
  const headers = Object.fromEntries(Object.entries(values.inHeader).filter(([, value]) => value));
  if (values.body) headers["Content-Type"] = "application/json";
  if (bearer()) headers.Authorization = `Bearer ${bearer()}`;
  const began = performance.now();
  try {
    const response = await fetch(target(operation, values), { method: operation.method.toUpperCase(), headers, body: values.body || undefined });
    const text = pretty(await response.text());
    const shown = SHOWN_HEADERS.filter((name) => response.headers.has(name)).map((name) => `${name}: ${response.headers.get(name)}`);
    const title = `${response.status} ${response.statusText} · ${Math.round(performance.now() - began)} ms`;
    return [[...shown, "", text].join("\n"), title];
  } catch (problem) {
    return [String(problem), "No answer"];
  }
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2).slice(0, LONGEST_BODY_LETTERS);
  } catch {
    return text.slice(0, LONGEST_BODY_LETTERS);
  }
}
