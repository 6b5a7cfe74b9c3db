import { announce, h } from "/assets/shared/dom.js";
import { api } from "/assets/shared/api.js";
import { during, field, form } from "/assets/shared/forms.js";
import { offline, problemOf } from "/assets/shared/problem.js";
import { accessToken, forget } from "/assets/shared/session.js";
import { when } from "/assets/shared/time.js";

const LOOK_AGAIN_SECONDS = 3;

function button(text, style, work) {
  const node = h("button", { type: "button", class: `button small ${style}` }, text);
  node.addEventListener("click", () => during(node, work, announce));
  return node;
}

/** A copy of all that one has here: asked for, and fetched once it is ready. */
export function dataSection() {
  const list = h("div", { class: "stack", "aria-live": "polite" });
  const load = async () => {
    const { items } = await api.get("/v1/me/exports");
    list.replaceChildren(...items.map(exportRow));
    const waiting = items.some(({ state }) => state === "preparing");
    if (waiting) setTimeout(() => list.isConnected && load().catch(() => {}), LOOK_AGAIN_SECONDS * 1000);
  };
  const ask = async () => {
    await api.post("/v1/me/exports", {});
    announce("We are preparing your copy. A mail tells you when it is ready.");
    await load();
  };
  load().catch(() => {});
  const hint = "A ZIP with everything you wrote and chose here, to read and to keep. It can be fetched for 7 days.";
  return h("section", { class: "card stack" }, h("h2", null, "Your data"), h("p", { class: "hint" }, hint), list, h("div", null, button("Ask for a copy", "", ask)));
}

async function fetchFile(path) {
  const headers = { Authorization: `Bearer ${await accessToken()}` };
  const answer = await fetch(path, { headers }).catch(() => Promise.reject(offline()));
  if (!answer.ok) throw await problemOf(answer);
  return answer.blob();
}

function exportRow(copy) {
  const fetchIt = async () => {
    const file = await fetchFile(copy.file_url);
    const link = h("a", { href: URL.createObjectURL(file), download: `my-data-${copy.created_at.slice(0, 10)}.zip` });
    link.click();
    URL.revokeObjectURL(link.href);
  };
  const states = { preparing: "being prepared …", ready: "ready", failed: "could not be made: ask again" };
  const what = h("p", null, when(copy.created_at), " · ", states[copy.state]);
  return h("div", { class: "view-head" }, what, copy.state === "ready" && button("Download", "", fetchIt));
}

/** The end of an account, with the password; it can be taken back for a while. */
export function leaveSection() {
  const password = field({ name: "password", label: "Password", type: "password", autocomplete: "current-password", required: true });
  const submit = async (values) => {
    const { deletes_at: end } = await api.post("/v1/me/deletion", values);
    forget();
    announce(`Your account is hidden, and will be deleted on ${new Date(end).toLocaleDateString()}. Until then you can sign in to keep it.`);
  };
  const hint = "You are hidden from everybody at once. For a while you can take it back by signing in; then all is gone for good, but for comments, which stay without your name.";
  return h("section", { class: "card stack" }, h("h2", null, "Delete my account"), h("p", { class: "hint" }, hint), form({ fields: [password], button: "Delete my account", submit }));
}
