import { announce, count, h } from "/assets/shared/dom.js";
import { api, query } from "/assets/shared/api.js";
import { cursorList } from "/assets/shared/lists.js";
import { avatar, nameLink } from "/assets/shared/person.js";
import { connectButtons } from "/assets/app/connect.js";
import { connectionRow } from "/assets/app/connections.js";
import { listView, listsPart } from "/assets/app/lists.js";
import { go } from "/assets/app/router.js";
import { action } from "/assets/app/sections.js";

const TABS = {
  connected: ["Connected", "No connections yet", "Open a person's page and ask to connect."],
  received: ["Requests", "No requests waiting", "When somebody asks to connect, you decide here."],
  sent: ["Sent", "No open requests", "People you asked who have not answered yet."],
  lists: ["Lists"],
  known: ["Suggested", "Nobody to suggest yet", "People whom your connections know are named here."],
};

function connectionList(state, emptyNode) {
  return cursorList({
    label: TABS[state][0],
    load: (cursor) => api.get(query("/v1/connections", { state, cursor })),
    render: connectionRow,
    empty: emptyNode,
    skeleton: () => h("div", { class: "skeleton person" }),
  });
}

function suggestionRow({ person, mutual_count: mutual }) {
  const name = nameLink(person);
  name.append(h("span", { class: "hint" }, count(mutual, "connection knows them", "connections know them")));
  const row = h("div", { class: "person card" }, avatar(person), name, connectButtons(person, null), action("Not now", "", dismiss));
  async function dismiss() {
    await api.remove(`/v1/suggestions/${person.id}`);
    row.closest(".item").remove();
    announce(`${person.display_name} is not suggested any more.`);
  }
  return row;
}

function suggestionList(empty) {
  return cursorList({
    label: TABS.known[0],
    load: (cursor) => api.get(query("/v1/suggestions", { cursor })),
    render: suggestionRow,
    empty,
    skeleton: () => h("div", { class: "skeleton person" }),
  });
}

/** Whoever knows somebody's handle finds them. */
function finder() {
  const box = h("input", { name: "handle", "aria-label": "Handle of a person", placeholder: "Find by @handle", required: true, autocapitalize: "none", spellcheck: "false", dir: "ltr", enterkeyhint: "go" });
  const node = h("form", { class: "write", role: "search" }, box, h("button", { class: "button" }, "Find"));
  node.addEventListener("submit", (event) => {
    event.preventDefault();
    const handle = box.value.trim().replace(/^@/, "");
    if (handle) go(`#/people/${encodeURIComponent(handle)}`);
  });
  return node;
}

export function connectionsView([, wanted, id]) {
  if (wanted === "lists" && id) return listView(id);
  const state = TABS[wanted] ? wanted : "connected";
  const [, title, text] = TABS[state];
  const tabs = Object.entries(TABS).map(([key, [name]]) =>
    h("a", { href: `#/connections/${key}`, "aria-current": key === state && "page" }, name),
  );
  const nav = h("nav", { class: "segments", "aria-label": "Kinds of connections" }, tabs);
  const node = h("div", { class: "view" }, h("h1", null, "People"), nav);
  if (state === "lists") node.append(...listsPart());
  else {
    const empty = h("div", { class: "notice card" }, h("h2", null, title), h("p", null, text), h("a", { class: "button", href: "#/discover" }, "Discover people"));
    node.append(finder(), state === "known" ? suggestionList(empty) : connectionList(state, empty));
  }
  return { title: "People · Banyan", node };
}
