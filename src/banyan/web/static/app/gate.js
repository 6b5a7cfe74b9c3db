import { announce, h } from "/assets/shared/dom.js";
import { during, field, form } from "/assets/shared/forms.js";
import { adopt } from "/assets/shared/session.js";
import { send } from "/assets/shared/transport.js";
import { signUpFields } from "/assets/shared/sign_up.js";

function gate(heading, content, other) {
  const node = h("div", { class: "gate card" }, h("h1", null, heading), content, h("p", { class: "hint" }, other));
  return { node };
}

export function signInView() {
  const fields = [
    field({ name: "email", label: "E-mail", type: "email", autocomplete: "username", required: true }),
    field({ name: "password", label: "Password", type: "password", autocomplete: "current-password", required: true }),
  ];
  const again = h("button", { type: "button", class: "button", hidden: true }, "Send the mail again");
  const submit = async (values) => {
    try {
      adopt(await send("POST", "/v1/auth/token", { body: values }));
    } catch (problem) {
      again.hidden = problem.code !== "email_not_verified";
      throw problem;
    }
  };
  const resend = async () => {
    await send("POST", "/v1/auth/verify-email/resend", { body: { email: fields[0].input.value } });
    announce("The mail is on its way.");
  };
  again.addEventListener("click", () => during(again, resend, announce));
  return gate("Welcome back", form({ fields, button: "Sign in", submit, extra: [again] }), ["New here? ", h("a", { href: "#/sign-up" }, "Make an account")]);
}

export function signUpView() {
  const content = h("div");
  const submit = async (values) => {
    const answer = await send("POST", "/v1/accounts", { body: values });
    if (answer?.access_token) adopt(answer);
    else content.replaceChildren(h("p", { role: "status" }, "We have sent you a mail. Open the link in it to go on."));
  };
  content.append(form({ fields: signUpFields(), button: "Make my account", submit }));
  return gate("Join the community", content, ["Already have an account? ", h("a", { href: "#/sign-in" }, "Sign in")]);
}
