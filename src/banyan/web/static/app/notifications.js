import { announce, h } from "/assets/shared/dom.js";
import { api } from "/assets/shared/api.js";
import { avatar } from "/assets/shared/person.js";
import { when } from "/assets/shared/time.js";
import { renewingList } from "/assets/app/renewing.js";
import { action } from "/assets/app/sections.js";
import { countUnread, setUnread } from "/assets/app/unread.js";

const PATH = "/v1/notifications";
const NOBODY = { handle: "", display_name: "·", avatar_url: null };

/** Where one sees what a notification tells of. */
function placeOf({ kind, post_id: post, subject, actors: [actor] }) {
  if (post) return `#/posts/${post}`;
  if (kind === "connection_asked") return "#/connections/received";
  if (subject.type === "conversation") return `#/messages/${subject.id}`;
  return actor?.handle ? `#/people/${encodeURIComponent(actor.handle)}` : "#/notifications";
}

function row(item) {
  const mark = h("span", { class: "visually-hidden" }, "Unread. ");
  const words = h("span", { class: "told-text" }, mark, h("span", { dir: "auto" }, item.text), when(item.updated_at));
  const node = h("a", { class: "told card", href: placeOf(item) }, avatar(item.actors[0] ?? NOBODY), words);
  const read = () => {
    mark.remove();
    node.classList.remove("unread");
  };
  if (item.read_at) read();
  else node.classList.add("unread");
  node.addEventListener("click", () => {
    if (!node.classList.contains("unread")) return;
    read();
    api.put(`${PATH}/${item.id}/read`).then(countUnread).catch(() => {});
  });
  return node;
}

export function notificationsView() {
  const { list, tick } = renewingList({
    label: "Notifications",
    path: PATH,
    render: row,
    version: (item) => `${item.updated_at} ${item.read_at}`,
    empty: h("div", { class: "notice card" }, h("h2", null, "Nothing yet"), h("p", null, "Comments, reactions, mentions and requests are told here.")),
    skeleton: () => h("div", { class: "skeleton person" }),
  });
  const readAll = async () => {
    setUnread((await api.post(`${PATH}/read-all`)).unread_count);
    announce("All notifications are read.");
    await list.reload();
  };
  const head = h("div", { class: "view-head" }, h("h1", null, "Notifications"), action("Mark all as read", "", readAll));
  return { node: h("div", { class: "view" }, head, list), tick };
}
