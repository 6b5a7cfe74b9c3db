import { h } from "/assets/shared/dom.js";
import { curlCommand } from "/assets/docs/curl.js";
import { bodyExample } from "/assets/docs/example.js";
import { inline, prose } from "/assets/docs/prose.js";
import { property, schemaTree } from "/assets/docs/schema.js";
import { sheet } from "/assets/docs/sheet.js";
import { bearer, onToken } from "/assets/docs/token.js";
import { startValues, tryIt } from "/assets/docs/try_it.js";

export const anchor = (operation) => `op/${operation.id}`;

export const methodName = (operation) => h("span", { class: `method ${operation.method}` }, operation.method.toUpperCase());

/** Everything about one operation: what it is at the left, how to call it at the right. */
export function operationSection(document, operation) {
  const id = anchor(operation);
  return h(
    "section",
    { class: "operation", id, "aria-labelledby": `${id}-name` },
    h(
      "div",
      null,
      h("h3", { id: `${id}-name`, tabindex: "-1" }, operation.summary),
      h("p", { class: "address" }, methodName(operation), h("code", null, operation.path)),
      operation.needsToken && h("p", { class: "needs" }, "Needs an access token."),
      operation.deprecated && h("p", { class: "required" }, "Deprecated: do not use it in new code."),
      operation.description && prose(operation.description),
      parameters(document, operation),
      operation.body && [h("h4", null, "Body"), h("div", { class: "hint" }, operation.body.type), schemaTree(document, operation.body.schema ?? {})],
      h("h4", null, "Answers"),
      operation.responses.filter((response) => !isRefusal(response)).map((response) => answerBlock(document, response)),
      refusalBlock(document, operation.responses.filter(isRefusal)),
    ),
    commands(document, operation),
  );
}

function parameters(document, operation) {
  if (!operation.parameters.length) return null;
  const rows = operation.parameters.map((parameter) => property(document, { ...parameter, place: parameter.in }));
  return [h("h4", null, "Parameters"), h("ul", { class: "properties" }, rows)];
}

const isRefusal = ({ status }) => /^[45]/.test(status);

// Made when opened: a document has hundreds of these, and few are looked at.
function folded(summary, content) {
  const details = h("details", { class: "response" }, h("summary", null, summary));
  details.addEventListener("toggle", () => details.childElementCount > 1 || details.append(h("div", null, content())), { once: true });
  return details;
}

function answerBlock(document, response) {
  const title = [h("span", { class: "status" }, response.status), inline(response.description ?? "")].flat();
  return folded(title, () => {
    const headers = Object.entries(response.headers ?? {}).map(([name, value]) => property(document, { name, place: "header", ...document.follow(value) }));
    return [headers.length > 0 && h("ul", { class: "properties" }, headers), ...body(document, response)];
  });
}

/** What may go wrong, status by status, and below it the one document that all of them are. */
function refusalBlock(document, responses) {
  if (!responses.length) return null;
  const statuses = h("span", { class: "status refused" }, responses.map(({ status }) => status).join(" "));
  return folded(["Refusals ", statuses], () => {
    const rows = responses.map(({ status, description }) => h("li", null, h("span", { class: "status refused" }, status), inline(description ?? "")));
    const kinds = new Map(responses.map((response) => [JSON.stringify(response.content), response]));
    return [h("ul", { class: "properties" }, rows), ...[...kinds.values()].flatMap((response) => body(document, response))];
  });
}

function body(document, response) {
  const [type, media] = document.content(response);
  if (!media) return [h("p", { class: "hint" }, "No body.")];
  return [h("p", { class: "hint" }, type), schemaTree(document, media.schema ?? {}), sheet("Example", JSON.stringify(bodyExample(document, media), null, 2))];
}

function commands(document, operation) {
  const values = startValues(document, operation);
  const curl = sheet("curl");
  const draw = () => curl.write(curlCommand(operation, values, operation.needsToken || Boolean(bearer())));
  onToken(draw);
  draw();
  return h("div", { class: "commands" }, curl, tryIt(document, operation, values, draw));
}
