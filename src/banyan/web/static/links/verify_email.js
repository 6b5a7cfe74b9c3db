import { h } from "/assets/shared/dom.js";
import { send } from "/assets/shared/transport.js";
import { fromHash } from "/assets/links/token.js";

const place = document.getElementById("place");
const link = (href, text, style = "primary") => h("p", { class: "row" }, h("a", { class: `button ${style}`, href }, text));

async function verify() {
  const token = fromHash("token");
  if (!token) return refuse("The link is not complete. Copy it again from the mail.");
  try {
    await send("POST", "/v1/auth/verify-email", { body: { token } });
    history.replaceState(null, "", location.pathname);
    place.replaceChildren(h("p", null, "Thank you, your address is confirmed."), link("/app", "Go on"));
  } catch (problem) {
    refuse(problem.message, problem.status === 0 || problem.status >= 500);
  }
}

function refuse(text, again = false) {
  const retry = again && h("button", { class: "button", onclick: verify }, "Try again");
  const hint = h("p", { class: "hint" }, "You can have the mail sent again in your settings.");
  place.replaceChildren(h("p", { class: "alert", role: "alert" }, text), ...(again ? [retry] : [hint, link("/app#/settings", "To the settings", "")]));
}

verify();
