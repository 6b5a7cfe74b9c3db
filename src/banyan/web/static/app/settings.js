import { announce, h } from "/assets/shared/dom.js";
import { api, query, signOut } from "/assets/shared/api.js";
import { field, form } from "/assets/shared/forms.js";
import { cursorList } from "/assets/shared/lists.js";
import { nameLink } from "/assets/shared/person.js";
import { HANDLE_HINT } from "/assets/shared/sign_up.js";
import { when } from "/assets/shared/time.js";
import { attributeFields } from "/assets/app/attribute_fields.js";
import { me, setMe } from "/assets/app/me.js";
import { dataSection, leaveSection } from "/assets/app/own_data.js";
import { emailSection, keysSection, passwordSection, twoStepSection } from "/assets/app/security.js";
import { pushSection } from "/assets/app/push.js";
import { action, line, section } from "/assets/app/sections.js";
import { browserName } from "/assets/app/browser_name.js";
import { drawTabs } from "/assets/app/shell.js";

const LANGUAGES = { en: "English", fr: "Français", ar: "العربية" };

function languageField(chosen) {
  const box = field({ name: "language", label: "Language of our mails", tag: "select" });
  box.input.append(...Object.entries(LANGUAGES).map(([code, name]) => h("option", { value: code, lang: code }, name)));
  box.input.value = chosen;
  return box;
}

function profileForm() {
  const person = me();
  const fields = [
    field({ name: "display_name", label: "Your name", required: true, dir: "auto", autocomplete: "name", value: person.display_name }),
    field({ name: "handle", label: "Handle", hint: HANDLE_HINT, required: true, autocapitalize: "none", spellcheck: "false", dir: "ltr", value: person.handle }),
    field({ name: "bio", label: "About you", tag: "textarea", dir: "auto", value: person.bio ?? "" }),
    languageField(person.language),
  ];
  const { node, read } = attributeFields("people", fields, () => me().attributes ?? {});
  const submit = async (values) => {
    const changes = Object.fromEntries(Object.entries(values).filter(([name, value]) => value !== (me()[name] ?? "")));
    const attributes = await read();
    if (attributes) changes.attributes = attributes;
    if (Object.keys(changes).length) setMe({ ...me(), ...(await api.patch("/v1/me", changes)) });
    drawTabs();
    announce("Profile saved.");
  };
  return form({ fields, between: [node], button: "Save", submit });
}

function sessionsSection() {
  const list = cursorList({
    label: "Sessions",
    load: (cursor) => api.get(query("/v1/auth/sessions", { cursor })),
    render: (session) => sessionRow(session, list),
    skeleton: line,
  });
  const endOthers = async () => {
    await api.remove("/v1/auth/sessions");
    announce("All other sessions have ended.");
    await list.reload();
  };
  return section("Where you are signed in", list, h("div", null, action("End all other sessions", "danger", endOthers)));
}

function sessionRow(session, list) {
  const end = async () => {
    await api.remove(`/v1/auth/sessions/${session.id}`);
    announce("Session ended.");
    await list.reload();
  };
  const seen = session.current ? "this browser" : when(session.last_used_at ?? session.created_at);
  const what = h("div", null, h("p", null, browserName(session.user_agent)), h("p", { class: "hint" }, h("bdi", null, session.ip ?? ""), " · ", seen));
  return h("div", { class: "view-head" }, what, !session.current && action("End", "danger", end));
}

/** People whom one has put aside at `path`; `verb` takes somebody back. */
function asideSection(title, path, verb, words) {
  const list = cursorList({
    label: title,
    load: (cursor) => api.get(query(path, { cursor })),
    render: ({ person }) => h("div", { class: "view-head" }, nameLink(person), action(verb, "", () => takeBack(person))),
    empty: h("p", { class: "hint" }, "Nobody."),
    skeleton: line,
  });
  async function takeBack(person) {
    await api.remove(`${path}/${person.id}`);
    announce(`${person.display_name} is not ${words} any more.`);
    await list.reload();
  }
  return section(title, list);
}

export function settingsView() {
  const node = h(
    "div",
    { class: "view settings" },
    h("h1", null, "Settings"),
    section("Profile", profileForm()),
    emailSection(),
    passwordSection(),
    twoStepSection(),
    pushSection(),
    sessionsSection(),
    keysSection(),
    asideSection("Muted people", "/v1/mutes", "Unmute", "muted"),
    asideSection("Blocked people", "/v1/blocks", "Unblock", "blocked"),
    dataSection(),
    leaveSection(),
    h("div", null, action("Sign out", "", signOut)),
  );
  return { node };
}
