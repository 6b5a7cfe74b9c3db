import { announce, count, h } from "/assets/shared/dom.js";
import { api, query } from "/assets/shared/api.js";
import { field, form, sending } from "/assets/shared/forms.js";
import { cursorList, failure } from "/assets/shared/lists.js";
import { avatar, nameLink } from "/assets/shared/person.js";
import { confirm } from "/assets/app/confirm.js";
import { menu } from "/assets/app/popup.js";
import { forgetViews, go } from "/assets/app/router.js";
import { action } from "/assets/app/sections.js";

const PATH = "/v1/lists";
const ALL = "#/connections/lists";
const NAME = { name: "name", required: true, maxlength: "80", dir: "auto" };

const bone = () => h("div", { class: "skeleton person" });

/** One's lists, and a place to make another. */
export function listsPart() {
  const text = "A list is some of your connections, such as your family. Write a post for one list, and nobody else reads it. Only you see your lists.";
  const list = cursorList({
    label: "Lists",
    load: (cursor) => api.get(query(PATH, { cursor })),
    render: listRow,
    empty: h("div", { class: "notice card" }, h("h2", null, "No lists yet"), h("p", null, text)),
    skeleton: bone,
  });
  return [maker(), list];
}

function listRow({ id, name, member_count: members }) {
  const words = h("span", { class: "told-text" }, h("bdi", { class: "display" }, name), h("span", { class: "hint" }, count(members, "person", "people")));
  return h("a", { class: "told card", href: `${ALL}/${id}` }, words);
}

function maker() {
  const box = h("input", { ...NAME, "aria-label": "Name of a new list", placeholder: "Name a new list" });
  const button = h("button", { class: "button" }, "Make it");
  const alert = h("div", { class: "alert", role: "alert", hidden: true });
  return sending(h("form", { class: "write" }, box, button, alert), button, alert, async () => {
    const { id } = await api.post(PATH, { name: box.value });
    forgetViews();
    go(`${ALL}/${id}`);
  });
}

/** One list: who is on it, and who could be. */
export function listView(id) {
  const path = `${PATH}/${encodeURIComponent(id)}`;
  const head = h("div", { class: "view-head" }, h("h1", null, "…"));
  const node = h("div", { class: "view" }, head);
  let list = null;

  const read = () =>
    head.replaceChildren(
      h("h1", null, h("bdi", null, list.name)),
      h("div", { class: "row" }, h("a", { href: ALL }, "All lists"), menu("Change this list", [["Rename", rename], ["Delete", remove]])),
    );

  function rename() {
    const box = field({ ...NAME, label: "Name of the list", value: list.name });
    const cancel = h("button", { type: "button", class: "button", onclick: read }, "Cancel");
    const submit = async ({ name }) => {
      list = await api.patch(path, { name });
      forgetViews();
      read();
      announce("List renamed.");
    };
    head.replaceChildren(form({ fields: [box], button: "Save", submit, extra: [cancel], class: "stack" }));
    box.input.focus();
  }

  async function remove() {
    const text = "Posts for this list are then for you alone. Your connections stay.";
    if (!(await confirm({ title: "Delete this list?", text, action: "Delete" }))) return;
    try {
      await api.remove(path);
      forgetViews();
      announce("List deleted.");
      go(ALL);
    } catch (problem) {
      announce(problem.message);
    }
  }

  async function load() {
    try {
      list = await api.get(path);
      read();
      node.append(...whoIsOn(path));
    } catch (problem) {
      node.replaceChildren(failure(problem, () => node.replaceWith(listView(id).node)));
    }
  }

  load();
  return { node };
}

function whoIsOn(path) {
  const members = cursorList({
    label: "On the list",
    load: (cursor) => api.get(query(`${path}/members`, { cursor })),
    render: ({ person }) => personRow(person, "Take off", async () => {
      await api.remove(`${path}/members/${person.id}`);
      move(person, members, others, "is off the list");
    }),
    empty: h("p", { class: "hint" }, "Nobody yet."),
    skeleton: bone,
  });
  const others = cursorList({
    label: "Your other connections",
    load: async (cursor) => {
      const { items, next_cursor } = await api.get(query("/v1/connections", { state: "connected", cursor }));
      // Who is on it is known as far as that list was read: to put somebody on it again changes nothing.
      await members.ready;
      return { items: items.filter(({ person }) => !members.ids.has(person.id)).map(({ person }) => ({ person })), next_cursor };
    },
    render: ({ person }) => personRow(person, "Put on", async () => {
      await api.put(`${path}/members/${person.id}`);
      move(person, others, members, "is on the list");
    }),
    empty: h("p", { class: "hint" }, "No other connections."),
    skeleton: bone,
  });
  return [h("h2", null, "On the list"), members, h("h2", null, "Your other connections"), others];
}

function move(person, from, to, words) {
  from.ids.delete(person.id);
  to.prepend({ person });
  forgetViews();
  announce(`${person.display_name} ${words}.`);
}

function personRow(person, text, work) {
  const button = action(text, "", async () => {
    await work();
    const item = row.closest(".item");
    // The pressed button goes: on with the next.
    (item.nextElementSibling ?? item.previousElementSibling)?.querySelector("button")?.focus();
    item.remove();
  });
  const row = h("div", { class: "person card" }, avatar(person), nameLink(person), button);
  return row;
}
