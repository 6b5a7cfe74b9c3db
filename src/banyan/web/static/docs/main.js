import { h } from "/assets/shared/dom.js";
import { failure } from "/assets/shared/lists.js";
import { send } from "/assets/shared/transport.js";
import { contents } from "/assets/docs/contents.js";
import { ApiDocument } from "/assets/docs/document.js";
import { operationSection } from "/assets/docs/operation.js";
import { prose } from "/assets/docs/prose.js";
import { tokenBox } from "/assets/docs/token.js";

const at = (id) => document.getElementById(id);

function showTag(api, [tag, operations]) {
  const about = api.tagDescription(tag);
  return h("section", { class: "tag" }, h("h2", null, tag), about && prose(about), operations.map((operation) => operationSection(api, operation)));
}

/** An address with an operation in it opens there, also when the operations came later than the page. */
function goToHash() {
  const target = at(decodeURIComponent(location.hash.slice(1)));
  if (!target?.classList.contains("operation")) return;
  target.scrollIntoView();
  target.querySelector("h3").focus({ preventScroll: true });
}

async function show() {
  try {
    const api = new ApiDocument(await send("GET", "/openapi.json"));
    if (api.info.title) at("title").textContent = `${api.info.title} API`;
    if (api.info.version) at("version").textContent = api.info.version;
    if (api.info.description) at("description").replaceWith(prose(api.info.description));
    at("operations").replaceChildren(...api.byTag().map((group) => showTag(api, group)));
    contents(api);
    goToHash();
  } catch (problem) {
    at("operations").replaceChildren(failure(problem, show));
  }
  at("operations").removeAttribute("aria-busy");
}

addEventListener("hashchange", goToHash);
tokenBox(at("sign-in"));
show();
