import { send } from "/assets/shared/transport.js";

let asked = null;

/** What this community says of itself, asked once; throws Problem. */
export function community() {
  asked ??= send("GET", "/v1/community").catch((problem) => {
    asked = null;
    throw problem;
  });
  return asked;
}

/** What it declares beside the rest of things of a kind (posts, people), by name; null for nothing. */
export const declaredOf = async (kind) => (await community()).attributes?.[kind] ?? null;
