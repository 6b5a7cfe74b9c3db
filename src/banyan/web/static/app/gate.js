// Who has turned it on here is told by push in the session that begins.
import "/assets/app/push.js";
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
  // Asked for once the password was right and a second factor is on.
  const otp = field({ name: "otp", label: "Code", hint: "From your authenticator app, or a recovery code.", autocomplete: "one-time-code", autocapitalize: "none", spellcheck: "false", dir: "ltr" });
  otp.hidden = true;
  fields.push(otp);
  const again = h("button", { type: "button", class: "button", hidden: true }, "Send the mail again");
  // Shown to whoever has left and comes back in time.
  const keep = h("button", { type: "button", class: "button", hidden: true }, "Keep my account");
  let restore = false;
  const submit = async ({ otp: code, ...values }) => {
    const body = { ...values, ...(code && { otp: code }), ...(restore && { restore }) };
    restore = false;
    try {
      adopt(await send("POST", "/v1/auth/token", { body }));
    } catch (problem) {
      if (problem.code === "otp_required" && otp.hidden) return askForCode();
      keep.hidden = problem.code !== "account_deleting";
      again.hidden = problem.code !== "email_not_verified";
      throw problem;
    }
  };
  const askForCode = () => {
    otp.hidden = false;
    otp.input.required = true;
    otp.input.focus();
  };
  const resend = async () => {
    await send("POST", "/v1/auth/verify-email/resend", { body: { email: fields[0].input.value } });
    announce("The mail is on its way.");
  };
  again.addEventListener("click", () => during(again, resend, announce));
  const content = form({ fields, button: "Sign in", submit, extra: [again, keep] });
  keep.addEventListener("click", () => {
    restore = true;
    content.requestSubmit();
  });
  return gate("Welcome back", content, [h("a", { href: "/reset-password" }, "Forgot your password?"), " · New here? ", h("a", { href: "#/sign-up" }, "Make an account")]);
}

/** `#/sign-up/CODE`: the link of an invitation brings its code. */
export function signUpView([, code]) {
  const content = h("div");
  const invite = field({
    name: "invite", label: "Invitation", hint: "The code of the invitation you were given.",
    autocomplete: "off", autocapitalize: "none", spellcheck: "false", dir: "ltr",
  });
  invite.input.value = code ?? "";
  invite.hidden = !code;
  const submit = async ({ invite: given, ...values }) => {
    try {
      const answer = await send("POST", "/v1/accounts", { body: given ? { ...values, invite: given } : values });
      if (answer?.access_token) adopt(answer);
      else content.replaceChildren(h("p", { role: "status" }, "We have sent you a mail. Open the link in it to go on."));
    } catch (problem) {
      // So that a code can be given, or one that does not hold be changed or taken out.
      if (problem.code?.startsWith("invite_")) invite.hidden = false;
      throw problem;
    }
  };
  content.append(form({ fields: [...signUpFields(), invite], button: "Make my account", submit }));
  send("GET", "/v1/community").then(({ sign_up: mode }) => {
    if (mode === "invite") invite.hidden = false;
    if (mode === "closed") content.replaceChildren(h("p", { role: "status" }, "Nobody can sign up here at the moment."));
  }, () => {});
  return gate("Join the community", content, ["Already have an account? ", h("a", { href: "#/sign-in" }, "Sign in")]);
}
