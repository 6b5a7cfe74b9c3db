import { h, linked } from "/assets/shared/dom.js";
import { api, query } from "/assets/shared/api.js";
import { sending } from "/assets/shared/forms.js";
import { randomKey } from "/assets/shared/keys.js";
import { failure } from "/assets/shared/lists.js";
import { avatar, nameLink } from "/assets/shared/person.js";
import { when } from "/assets/shared/time.js";
import { me } from "/assets/app/me.js";
import { renewingList } from "/assets/app/renewing.js";

const PATH = "/v1/conversations";
const NOBODY = { handle: "", display_name: "·", avatar_url: null };
const AT_ONCE = 50;

const pictureOf = (one) => avatar(one.kind === "group" ? { handle: one.id, display_name: nameOf(one) } : (one.members[0] ?? NOBODY));
const nameOf = ({ title, members }) => title ?? (members.map((one) => one.display_name).join(", ") || "Nobody else");

function lastWords({ last_message: last }) {
  if (!last) return "No messages yet.";
  return textOf(last) ?? last.body;
}

/** What stands where there are no words to show; null where there are. */
function textOf({ deleted, hidden }) {
  if (deleted) return "Deleted message";
  return hidden ? "Hidden message" : null;
}

function row(conversation) {
  const { id, unread_count: unread, active_at: at } = conversation;
  const number = unread > 0 && h("span", { class: "badge" }, unread, h("span", { class: "visually-hidden" }, " unread"));
  const words = h("span", { class: "told-text" }, h("bdi", { class: "display" }, nameOf(conversation)), h("span", { class: "hint one-line", dir: "auto" }, lastWords(conversation)), when(at));
  return h("a", { class: `told card ${unread ? "unread" : ""}`, href: `#/messages/${id}` }, pictureOf(conversation), words, number);
}

function conversationsView() {
  const { list, tick } = renewingList({
    label: "Conversations",
    path: PATH,
    render: row,
    version: (one) => [one.seq, one.read_seq, one.title, one.last_message?.edited_at, one.last_message?.deleted].join(),
    empty: h("div", { class: "notice card" }, h("h2", null, "No conversations yet"), h("p", null, "Open a person's page and write to them."), h("a", { class: "button", href: "#/connections" }, "Your people")),
    skeleton: () => h("div", { class: "skeleton person" }),
  });
  return { node: h("div", { class: "view" }, h("h1", null, "Messages"), list), tick };
}

function bubble(message, isGroup) {
  const mine = message.author?.id === me().id;
  const missing = textOf(message);
  const by = isGroup && !mine && message.author && nameLink(message.author);
  const text = missing ? h("p", { class: "hint" }, missing) : h("p", { class: "bubble-body", dir: "auto" }, linked(message.body));
  return h("div", { class: `bubble ${mine ? "mine" : ""}` }, by, text, h("span", { class: "hint" }, when(message.created_at), message.edited_at && " · edited"));
}

const versionOf = ({ edited_at: edited, deleted, hidden }) => `${edited} ${deleted} ${hidden}`;

function talkView(id) {
  const path = `${PATH}/${encodeURIComponent(id)}`;
  const title = h("h1", null, "…");
  const earlier = h("button", { class: "button quiet small", hidden: true }, "Earlier messages");
  const log = h("div", { class: "talk", role: "log", "aria-label": "Messages", tabindex: "0" });
  const place = h("div", { class: "card talk-card" }, earlier, log, writer(path, put));
  const node = h("div", { class: "view" }, h("div", { class: "view-head" }, title, h("a", { href: "#/messages" }, "All messages")), place);
  const shown = new Map();
  let isGroup = false;
  let oldest = null;
  let newest = 0;

  /** Draws a message at its place in the order, or anew where it has changed. */
  function put(message) {
    const known = shown.get(message.seq);
    if (known?.version === versionOf(message)) return;
    const drawn = bubble(message, isGroup);
    if (known) known.node.replaceWith(drawn);
    else if (message.seq > newest) log.append(drawn);
    else log.prepend(drawn);
    shown.set(message.seq, { node: drawn, version: versionOf(message) });
    newest = Math.max(newest, message.seq);
  }

  function fill(page) {
    const low = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
    // Too much has come for one look: begin anew.
    if (newest && page.items.at(-1)?.seq > newest + 1) {
      shown.clear();
      log.replaceChildren();
      newest = 0;
      more(page.next_cursor);
    }
    const before = newest;
    page.items.reverse().forEach(put);
    if (low) log.scrollTop = log.scrollHeight;
    if (newest > before && !document.hidden) api.put(`${path}/read`, { message_id: page.items.at(-1).id }).catch(() => {});
  }

  function more(cursor) {
    oldest = cursor;
    earlier.hidden = !cursor;
  }

  const look = (cursor) => api.get(query(`${path}/messages`, { limit: AT_ONCE, cursor }));

  earlier.addEventListener("click", async () => {
    const page = await look(oldest).catch(() => null);
    if (!page) return;
    const below = log.scrollHeight - log.scrollTop;
    page.items.forEach(put);
    log.scrollTop = log.scrollHeight - below;
    more(page.next_cursor);
  });

  async function load() {
    try {
      const [conversation, page] = await Promise.all([api.get(path), look()]);
      isGroup = conversation.kind === "group";
      title.replaceChildren(h("bdi", null, nameOf(conversation)));
      more(page.next_cursor);
      fill(page);
    } catch (problem) {
      node.replaceChildren(failure(problem, () => node.replaceChildren(talkView(id).node)));
    }
  }

  load();
  return { node, tick: () => look().then(fill, () => {}) };
}

function writer(path, put) {
  const box = h("textarea", { name: "body", rows: "1", "aria-label": "Write a message", placeholder: "Write a message", required: true, dir: "auto" });
  const go = h("button", { class: "button primary" }, "Send");
  const alert = h("div", { class: "alert", role: "alert", hidden: true });
  const node = h("form", { class: "write" }, box, go, alert);
  // The same message tried again is the same message.
  let key = randomKey();
  box.addEventListener("input", () => (key = randomKey()));
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || !matchMedia("(pointer: fine)").matches) return;
    event.preventDefault();
    node.requestSubmit();
  });
  return sending(node, go, alert, async () => {
    const message = await api.post(`${path}/messages`, { body: box.value, client_id: key });
    box.value = "";
    key = randomKey();
    put(message);
    const log = node.parentNode.querySelector(".talk");
    log.scrollTop = log.scrollHeight;
  });
}

export function messagesView([, id]) {
  return id ? talkView(id) : conversationsView();
}
