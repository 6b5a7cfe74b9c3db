import { h } from "/assets/shared/dom.js";
import { field, form } from "/assets/shared/forms.js";
import { forget } from "/assets/shared/session.js";
import { send } from "/assets/shared/transport.js";
import { fromHash } from "/assets/links/token.js";

const place = document.getElementById("place");
const token = fromHash("token");
const toSignIn = () => h("p", { class: "row" }, h("a", { class: "button primary", href: "/app#/sign-in" }, "Sign in"));

// Without a link's token this is the page that asks for a link.
function askForLink(...above) {
  const fields = [field({ name: "email", label: "E-mail", type: "email", autocomplete: "username", required: true })];
  const submit = async (values) => {
    await send("POST", "/v1/auth/password-reset", { body: values });
    place.replaceChildren(h("p", { role: "status" }, "If this address has an account, a mail is on its way. Open the link in it within an hour."));
  };
  place.replaceChildren(...above, form({ fields, button: "Send me a link", submit }));
}

function choose() {
  const fields = [field({ name: "password", label: "New password", hint: "At least 8 characters.", type: "password", autocomplete: "new-password", minlength: 8, required: true })];
  const submit = async (values) => {
    try {
      await send("POST", "/v1/auth/password-reset/confirm", { body: { token, ...values } });
    } catch (problem) {
      if (problem.code !== "invalid_reset_token") throw problem;
      return askForLink(h("p", { class: "alert", role: "alert" }, "This link does not hold any more. Have another one sent."));
    }
    history.replaceState(null, "", location.pathname);
    // The server has ended this browser's session with all others.
    forget();
    place.replaceChildren(h("p", { role: "status" }, "Your password is new, and you are signed out everywhere."), toSignIn());
  };
  place.replaceChildren(form({ fields, button: "Use this password", submit }));
}

if (token) choose();
else askForLink();
