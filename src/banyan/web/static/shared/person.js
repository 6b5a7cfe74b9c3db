import { h } from "/assets/shared/dom.js";

const TINTS = 6;

function tint(handle) {
  let sum = 0;
  for (const letter of handle) sum = (sum * 31 + letter.codePointAt(0)) % 9973;
  return sum % TINTS;
}

const initial = (name) => (Array.from(name.trim())[0] ?? "?").toLocaleUpperCase();

/** The round picture of a person; without one, the first letter on a colour of their own. */
export function avatar(person, size = "") {
  if (person.avatar_url) return h("img", { class: `avatar ${size}`, src: person.avatar_url, alt: "", loading: "lazy" });
  return h("span", { class: `avatar tint-${tint(person.handle)} ${size}`, "aria-hidden": "true" }, initial(person.display_name));
}

export const profileLink = (handle) => `/app#/people/${encodeURIComponent(handle)}`;

/** Name and handle as one link; the name alone of somebody whose account is gone. */
export function nameLink(person) {
  if (!person.handle) return h("span", { class: "name" }, person.display_name);
  return h(
    "a",
    { class: "name", href: profileLink(person.handle) },
    h("bdi", { class: "display" }, person.display_name),
    " ",
    h("bdi", { class: "handle" }, `@${person.handle}`),
  );
}
