import { h } from "/assets/shared/dom.js";
import { send } from "/assets/shared/transport.js";
import { fromHash } from "/assets/links/token.js";

const place = document.getElementById("place");
const token = fromHash("token");

// Not at once: programs that only look at links must not change anything.
function ask() {
  if (!token) return refuse("The link is not complete. Copy it again from the mail.");
  place.replaceChildren(
    h("p", null, "Shall no more of these mails be sent to you?"),
    h("button", { class: "button primary", onclick: stop }, "Stop these mails"),
  );
}

async function stop() {
  try {
    await send("POST", `/v1/notifications/unsubscribe?token=${encodeURIComponent(token)}`);
    history.replaceState(null, "", location.pathname);
    place.replaceChildren(h("p", null, "Done. No more of these mails will come."));
  } catch (problem) {
    refuse(problem.message, problem.status === 0 || problem.status >= 500);
  }
}

function refuse(text, again = false) {
  const more = again ? [h("button", { class: "button", onclick: stop }, "Try again")] : [];
  place.replaceChildren(h("p", { class: "alert", role: "alert" }, text), ...more);
}

ask();
