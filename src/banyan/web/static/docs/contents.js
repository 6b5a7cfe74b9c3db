import { h } from "/assets/shared/dom.js";
import { anchor, methodName } from "/assets/docs/operation.js";

const wordsOf = (operation) => `${operation.method} ${operation.path} ${operation.summary} ${operation.tag} ${operation.id}`.toLowerCase();

/** The list of operations at the side; the filter hides what does not match, here and in the text. */
export function contents(document) {
  const side = window.document.getElementById("side");
  const open = window.document.getElementById("contents");
  const filter = window.document.getElementById("filter");
  const entries = [];
  const groups = document.byTag().map(([tag, operations]) => {
    const links = operations.map((operation) => {
      const link = h("a", { href: `#${anchor(operation)}`, title: `${operation.method.toUpperCase()} ${operation.path}` }, methodName(operation), operation.summary);
      entries.push({ operation, link, words: wordsOf(operation) });
      return h("li", null, link);
    });
    return h("section", { "aria-label": tag }, h("h3", null, tag), h("ul", null, links));
  });
  window.document.getElementById("tags").replaceChildren(...groups);

  const showSide = (yes) => {
    side.classList.toggle("open", yes);
    open.setAttribute("aria-expanded", String(yes));
  };
  open.addEventListener("click", () => showSide(!side.classList.contains("open")));
  side.addEventListener("click", (event) => event.target.closest("a") && showSide(false));
  filter.addEventListener("input", () => narrow(entries, groups, filter.value));
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") showSide(false);
    if (event.key !== "/" || event.target.closest("input, textarea")) return;
    event.preventDefault();
    filter.focus();
  });
  follow(entries);
}

function narrow(entries, groups, text) {
  const wanted = text.toLowerCase().split(/\s+/).filter(Boolean);
  let number = 0;
  for (const { operation, link, words } of entries) {
    const match = wanted.every((word) => words.includes(word));
    number += match;
    link.parentElement.hidden = !match;
    document.getElementById(anchor(operation)).hidden = !match;
  }
  for (const group of [...groups, ...document.querySelectorAll(".tag")]) {
    group.hidden = !group.querySelector("li:not([hidden]) > a[href], .operation:not([hidden])");
  }
  document.getElementById("found").textContent = wanted.length ? `${number} of ${entries.length} operations` : "";
}

/** Marks the operation that is being read. */
function follow(entries) {
  const links = new Map(entries.map(({ operation, link }) => [anchor(operation), link]));
  const watcher = new IntersectionObserver(
    (seen) => {
      for (const { target, isIntersecting } of seen) {
        if (isIntersecting) links.get(target.id).setAttribute("aria-current", "location");
        else links.get(target.id).removeAttribute("aria-current");
      }
    },
    { rootMargin: "-20% 0px -75% 0px" },
  );
  for (const id of links.keys()) watcher.observe(document.getElementById(id));
}
