import { h } from "/assets/shared/dom.js";
import { avatar, nameLink } from "/assets/shared/person.js";
import { when } from "/assets/shared/time.js";
import { connectButtons } from "/assets/app/connect.js";

export function connectionRow({ id, state, person, created_at: since }) {
  const name = nameLink(person);
  if (since) name.append(h("span", { class: "hint" }, state === "connected" ? "since " : "asked ", when(since)));
  return h("div", { class: "person card" }, avatar(person), name, connectButtons(person, { id, state }));
}
