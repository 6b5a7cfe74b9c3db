import { h } from "/assets/shared/dom.js";
import { send } from "/assets/shared/transport.js";
import { fromHash } from "/assets/links/token.js";

const place = document.getElementById("place");
const token = fromHash("token");
const say = (text, ...more) => place.replaceChildren(h("p", null, text), ...more);
const go = (text) => h("p", { class: "row" }, h("a", { class: "button primary", href: "/app#/settings" }, text));

async function confirm() {
  if (!token) return refuse("The link is not complete. Copy it again from the mail.");
  try {
    const { email } = await send("POST", "/v1/auth/email/confirm", { body: { token } });
    history.replaceState(null, "", location.pathname);
    say("Thank you. The address of your account is now:", h("p", null, h("bdi", null, email)), go("Go on"));
  } catch (problem) {
    refuse(problem.message, problem.status === 0 || problem.status >= 500);
  }
}

function refuse(text, again = false) {
  const more = again ? h("button", { class: "button", onclick: confirm }, "Try again") : go("To the settings");
  place.replaceChildren(h("p", { class: "alert", role: "alert" }, text), more);
}

confirm();
