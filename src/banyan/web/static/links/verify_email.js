import { h } from "/assets/shared/dom.js";
import { field, form } from "/assets/shared/forms.js";
import { HANDLE_HINT } from "/assets/shared/sign_up.js";
import { send } from "/assets/shared/transport.js";
import { fromHash } from "/assets/links/token.js";

const place = document.getElementById("place");
const link = (href, text, style = "primary") => h("p", { class: "row" }, h("a", { class: `button ${style}`, href }, text));

const token = fromHash("token");

async function verify() {
  if (!token) return refuse("The link is not complete. Copy it again from the mail.");
  try {
    await use({ token });
  } catch (problem) {
    if (problem.fields?.some(({ field: name }) => name === "handle") || problem.code === "handle_taken") askHandle(problem.message);
    else refuse(problem.message, problem.status === 0 || problem.status >= 500);
  }
}

async function use(body) {
  await send("POST", "/v1/auth/verify-email", { body });
  history.replaceState(null, "", location.pathname);
  place.replaceChildren(h("p", null, "Thank you, your address is confirmed."), link("/app", "Go on"));
}

// Between sign-up and this moment somebody else may have taken the handle.
function askHandle(text) {
  const fields = [field({ name: "handle", label: "Another handle", hint: HANDLE_HINT, required: true, dir: "ltr", autocapitalize: "none" })];
  place.replaceChildren(h("p", null, text), form({ fields, button: "Take this one", submit: ({ handle }) => use({ token, handle }) }));
}

function refuse(text, again = false) {
  const retry = again && h("button", { class: "button", onclick: verify }, "Try again");
  const hint = h("p", { class: "hint" }, "You can have the mail sent again in your settings.");
  place.replaceChildren(h("p", { class: "alert", role: "alert" }, text), ...(again ? [retry] : [hint, link("/app#/settings", "To the settings", "")]));
}

verify();
