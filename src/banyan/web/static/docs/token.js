import { announce, h } from "/assets/shared/dom.js";
import { field, form } from "/assets/shared/forms.js";
import { send } from "/assets/shared/transport.js";
import { copyButton } from "/assets/docs/copy.js";

// In this page's memory only: closing it forgets the token.
let token = null;
const listeners = new Set();

export const bearer = () => token;
export const onToken = (listener) => listeners.add(listener);

function set(next) {
  token = next;
  listeners.forEach((listener) => listener());
}

/** Where one signs in, or pastes a token; draws itself into `box`. */
export function tokenBox(box) {
  const heading = box.querySelector("h2");
  const show = (title, ...content) => {
    heading.textContent = title;
    box.replaceChildren(heading, ...content);
  };

  function signedOut() {
    const fields = [
      field({ name: "email", label: "E-mail", type: "email", autocomplete: "username", required: true }),
      field({ name: "password", label: "Password", type: "password", autocomplete: "current-password", required: true }),
    ];
    const submit = async (values) => {
      const answer = await send("POST", "/v1/auth/token", { body: values });
      set(answer.access_token);
      signedIn(answer.account?.handle ? `Signed in as @${answer.account.handle}` : "Signed in");
    };
    const paste = h("button", { type: "button", class: "button quiet", onclick: pasting }, "Use a token");
    show("Sign in to try", form({ fields, button: "Sign in", submit, extra: [paste] }));
  }

  function pasting() {
    const place = field({ name: "token", label: "Access token", autocomplete: "off", spellcheck: "false", required: true });
    const submit = async (values) => {
      set(values.token.trim());
      signedIn("A token is set");
    };
    const back = h("button", { type: "button", class: "button quiet", onclick: signedOut }, "Back");
    show("Use a token", form({ fields: [place], button: "Use it", submit, extra: [back] }));
    place.input.focus();
  }

  function signedIn(title) {
    announce(title);
    const out = h("button", { class: "button quiet" }, "Forget it");
    out.addEventListener("click", () => {
      set(null);
      signedOut();
    });
    const hint = h("p", { class: "hint" }, "Each request below carries your token. It rests in this page's memory only.");
    show(title, hint, h("div", { class: "row" }, copyButton("Copy token", bearer, "button"), out));
  }

  signedOut();
}
