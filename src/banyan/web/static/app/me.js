import { api } from "/assets/shared/api.js";

let person = null;

/** The signed-in person, or null. */
export const me = () => person;

export async function loadMe() {
  person = await api.get("/v1/me");
  return person;
}

export const setMe = (next) => (person = next);
