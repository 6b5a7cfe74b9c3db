import { announce, count, h } from "/assets/shared/dom.js";
import { api } from "/assets/shared/api.js";
import { failure } from "/assets/shared/lists.js";
import { attributeLine } from "/assets/shared/attributes.js";
import { avatar } from "/assets/shared/person.js";
import { dayOf } from "/assets/shared/time.js";
import { confirm } from "/assets/app/confirm.js";
import { connectButtons } from "/assets/app/connect.js";
import { postList } from "/assets/app/feed.js";
import { me } from "/assets/app/me.js";
import { menu } from "/assets/app/popup.js";
import { go } from "/assets/app/router.js";
import { action } from "/assets/app/sections.js";

export function profileView([, handle]) {
  const path = `/v1/people/${encodeURIComponent(handle)}`;
  const head = h("div", { class: "card profile", "aria-busy": "true" }, h("h1", { class: "visually-hidden" }, handle), h("div", { class: "skeleton" }));
  const node = h("div", { class: "view" }, head);

  async function load() {
    try {
      const person = await api.get(path);
      head.replaceChildren(...facts(person, load));
      const empty = h("div", { class: "notice card" }, h("p", null, "No posts that you may read."));
      posts.node = posts.node ?? postList(`Posts of ${person.display_name}`, `${path}/posts`, {}, empty).list;
      node.append(posts.node);
    } catch (problem) {
      head.replaceChildren(h("h1", { class: "visually-hidden" }, handle), failure(problem, load));
    }
    head.removeAttribute("aria-busy");
  }
  const posts = {};
  load();
  return { node };
}

function facts(person, reload) {
  const handle = h("bdi", { class: "handle" }, `@${person.handle}`);
  const name = h("div", null, h("h1", null, h("bdi", null, person.display_name)), handle);
  const about = [
    typeof person.connection_count === "number" && count(person.connection_count, "connection", "connections"),
    person.created_at && `here since ${dayOf(person.created_at)}`,
  ];
  return [
    h("div", { class: "profile-head" }, avatar(person, "large"), name),
    person.bio && h("p", { class: "bio", dir: "auto" }, person.bio),
    h("p", { class: "hint" }, about.filter(Boolean).join(" · ")),
    person.neighbourhood && h("p", { class: "hint" }, h("bdi", null, person.neighbourhood)),
    person.attributes && attributeLine("people", person.attributes),
    person.limited && h("p", { class: "hint" }, "This person shows more only to members or to connections."),
    actions(person, reload),
  ].filter(Boolean);
}

function actions(person, reload) {
  if (!me()) return h("div", { class: "row" }, h("a", { class: "button primary small", href: "#/sign-up" }, "Join to connect"));
  if (me().id === person.id) return h("div", { class: "row" }, h("a", { class: "button small", href: "#/settings" }, "Edit profile"), h("a", { class: "button small", href: "#/saved" }, "Saved posts"));
  const muting = h("span");
  const drawMuting = () => (muting.textContent = person.muted ? "Unmute" : "Mute");
  const mute = () => mutePerson(person).then(drawMuting);
  drawMuting();
  const block = () => blockPerson(person);
  const write = async () => go(`#/messages/${(await api.post("/v1/conversations", { member_ids: [person.id] })).id}`);
  return h("div", { class: "row" }, connectButtons(person, person.connection, reload), action("Message", "", write), menu("More about this person", [[muting, mute], ["Block", block]]));
}

async function mutePerson(person) {
  try {
    await (person.muted ? api.remove : api.put)(`/v1/mutes/${person.id}`);
    person.muted = !person.muted;
    announce(person.muted ? `Posts by ${person.display_name} stay out of your feed.` : `${person.display_name} is not muted any more.`);
  } catch (problem) {
    announce(problem.message);
  }
}

async function blockPerson(person) {
  const text = "You will not see each other any more, and a connection between you ends. You can undo this in the settings.";
  if (!(await confirm({ title: `Block ${person.display_name}?`, text, action: "Block" }))) return;
  try {
    await api.put(`/v1/blocks/${person.id}`);
    announce(`${person.display_name} is blocked.`);
    go("#/feed");
  } catch (problem) {
    announce(problem.message);
  }
}
