import { randomKey } from "/assets/shared/keys.js";
import { offline, problemOf } from "/assets/shared/problem.js";

const TRIES = 3;
const LONGEST_WAIT_SECONDS = 5;
// Asked again and again these may come through; each means that nothing was done yet.
const BUSY = new Set([409, 425, 502, 503, 504]);

// Keys of POSTs that got no answer: pressing the button once more must not do the thing twice.
const unanswered = new Map();

const pause = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

/** One call of the API, repeated where that is safe. Gives the parsed body (null for none); throws Problem. */
export async function send(method, path, { body, token, headers, key } = {}) {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const name = `${method} ${path} ${text}`;
  const request = { method, body: text, headers: { Accept: "application/json", ...headers } };
  if (text !== undefined) request.headers["Content-Type"] = "application/json";
  if (token) request.headers.Authorization = `Bearer ${token}`;
  if (method === "POST") {
    request.headers["Idempotency-Key"] = key ?? unanswered.get(name) ?? randomKey();
    unanswered.set(name, request.headers["Idempotency-Key"]);
  }
  const answer = await attempt(path, request, 1);
  unanswered.delete(name);
  if (!answer.ok) throw await problemOf(answer);
  return parsed(answer);
}

async function attempt(path, request, number) {
  const last = number === TRIES;
  let answer;
  try {
    answer = await fetch(path, request);
  } catch {
    if (last) throw offline();
    await pause(0.4 * number * number);
    return attempt(path, request, number + 1);
  }
  const wait = Number.parseFloat(answer.headers.get("Retry-After") ?? "");
  if (last || !BUSY.has(answer.status) || !(wait <= LONGEST_WAIT_SECONDS)) return answer;
  await pause(wait);
  return attempt(path, request, number + 1);
}

// A page where JSON should be comes from something between here and the server, such as a hotel's sign-in page.
async function parsed(answer) {
  const text = await answer.text();
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    throw offline();
  }
}
