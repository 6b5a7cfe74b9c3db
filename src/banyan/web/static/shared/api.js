import { accessToken, forget } from "/assets/shared/session.js";
import { send } from "/assets/shared/transport.js";

async function call(method, path, body) {
  const token = await accessToken();
  try {
    return await send(method, path, { body, token });
  } catch (problem) {
    if (problem.status !== 401 || !token) throw problem;
    const fresh = await accessToken(token);
    if (!fresh) throw problem;
    return send(method, path, { body, token: fresh });
  }
}

/** The API as this person. All give the parsed answer and throw Problem. */
export const api = {
  get: (path) => call("GET", path),
  post: (path, body) => call("POST", path, body),
  put: (path, body) => call("PUT", path, body),
  patch: (path, body) => call("PATCH", path, body),
  remove: (path, body) => call("DELETE", path, body),
};

/** Ends the session on the server too; without an answer it ends in this browser only and throws. */
export async function signOut() {
  try {
    await api.post("/v1/auth/sign-out");
  } finally {
    forget();
  }
}

/** A path with a query; empty values are left out. */
export function query(path, values) {
  const filled = Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return filled.length ? `${path}?${new URLSearchParams(filled)}` : path;
}
