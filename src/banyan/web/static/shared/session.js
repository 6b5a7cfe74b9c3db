import { randomKey } from "/assets/shared/keys.js";
import { send } from "/assets/shared/transport.js";

// The refresh token rests in localStorage, the access token lives in this tab's memory only.
// Beside the refresh token rests the Idempotency-Key of its one use: tabs that use it at the same
// moment, or a tab that closed before the answer came, present the same key and stay signed in.
const PLACE = "banyan.session";
const EARLY_SECONDS = 20;

let access = null;
let renewal = null;
const listeners = new Set();

function stored() {
  try {
    return JSON.parse(localStorage.getItem(PLACE));
  } catch {
    return null;
  }
}

export const isSignedIn = () => stored() !== null;

/** Calls back whenever this browser signs in or out, in this tab or another. */
export const onSessionChange = (listener) => listeners.add(listener);
const tell = () => listeners.forEach((listener) => listener());

addEventListener("storage", (event) => {
  if (event.key !== PLACE || Boolean(event.newValue) === Boolean(event.oldValue)) return;
  access = null;
  tell();
});

function keep(tokens) {
  access = { token: tokens.access_token, until: Date.now() + (tokens.expires_in - EARLY_SECONDS) * 1000 };
  localStorage.setItem(PLACE, JSON.stringify({ refresh_token: tokens.refresh_token, key: randomKey() }));
}

/** Takes over the tokens of a sign-up or sign-in. */
export function adopt(tokens) {
  keep(tokens);
  tell();
}

export function forget() {
  access = null;
  if (!isSignedIn()) return;
  localStorage.removeItem(PLACE);
  tell();
}

/** A token to call with, or null when signed out. `refused`: the token that the API just turned away. */
export async function accessToken(refused = null) {
  if (!isSignedIn()) return null;
  if (access && access.token !== refused && Date.now() < access.until) return access.token;
  renewal ??= alone(renew).finally(() => (renewal = null));
  return renewal;
}

// Web Locks exist in secure contexts only; elsewhere the stored key alone keeps tabs out of each other's way.
const alone = (work) => (navigator.locks ? navigator.locks.request("banyan.refresh", work) : work());

async function renew() {
  const held = stored();
  if (!held) return null;
  try {
    keep(await send("POST", "/v1/auth/refresh", { body: { refresh_token: held.refresh_token }, key: held.key }));
    return access.token;
  } catch (problem) {
    if (![400, 401, 403, 422].includes(problem.status)) throw problem;
    if (stored()?.refresh_token === held.refresh_token) forget();
    return null;
  }
}
