import { h } from "/assets/shared/dom.js";
import { api, query } from "/assets/shared/api.js";
import { cursorList } from "/assets/shared/lists.js";
import { avatar, nameLink } from "/assets/shared/person.js";
import { when } from "/assets/shared/time.js";
import { connectButtons } from "/assets/app/connect.js";

const TABS = {
  connected: ["Connected", "No connections yet", "Open a person's page and ask to connect."],
  received: ["Requests", "No requests waiting", "When somebody asks to connect, you decide here."],
  sent: ["Sent", "No open requests", "People you asked who have not answered yet."],
};

export function connectionRow({ id, state, person, created_at: since }) {
  const name = nameLink(person);
  if (since) name.append(h("span", { class: "hint" }, state === "connected" ? "since " : "asked ", when(since)));
  return h("div", { class: "person card" }, avatar(person), name, connectButtons(person, { id, state }));
}

function connectionList(state, emptyNode) {
  return cursorList({
    label: TABS[state][0],
    load: (cursor) => api.get(query("/v1/connections", { state, cursor })),
    render: connectionRow,
    empty: emptyNode,
    skeleton: () => h("div", { class: "skeleton person" }),
  });
}

export function connectionsView([, wanted]) {
  const state = TABS[wanted] ? wanted : "connected";
  const [, title, text] = TABS[state];
  const tabs = Object.entries(TABS).map(([key, [name]]) =>
    h("a", { href: `#/connections/${key}`, "aria-current": key === state && "page" }, name),
  );
  const empty = h("div", { class: "notice card" }, h("h2", null, title), h("p", null, text), h("a", { class: "button", href: "#/discover" }, "Discover people"));
  const node = h("div", { class: "view" }, h("h1", null, "People"), h("nav", { class: "segments", "aria-label": "Kinds of connections" }, tabs), connectionList(state, empty));
  return { title: "People · Banyan", node };
}
