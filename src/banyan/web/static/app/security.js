import { announce, h } from "/assets/shared/dom.js";
import { api, query } from "/assets/shared/api.js";
import { field, form } from "/assets/shared/forms.js";
import { qrPicture } from "/assets/shared/qr.js";
import { cursorList, failure } from "/assets/shared/lists.js";
import { when } from "/assets/shared/time.js";
import { me } from "/assets/app/me.js";
import { action, line, section } from "/assets/app/sections.js";

const present = (label = "Your present password") =>
  field({ name: "password", label, type: "password", autocomplete: "current-password", required: true });
const code = () =>
  field({ name: "otp", label: "Code", hint: "From your authenticator app, or a recovery code.", autocomplete: "one-time-code", autocapitalize: "none", spellcheck: "false", dir: "ltr", required: true });

// Forms that are rarely needed stay folded away.
const folded = (title, content) => h("details", null, h("summary", null, title), content);

export function emailSection() {
  const { email, email_verified: verified } = me();
  const resend = async () => {
    await api.post("/v1/auth/verify-email/resend", { email });
    announce("The mail is on its way.");
  };
  const state = verified ? "Confirmed." : "Not confirmed yet: open the link in the mail that we sent you.";
  const again = !verified && h("div", null, action("Send the mail again", "", resend));
  return section("E-mail", h("p", null, h("bdi", null, email)), h("p", { class: "hint" }, state), again, folded("Change the address", emailForm()));
}

function emailForm() {
  const fields = [field({ name: "email", label: "New e-mail address", type: "email", autocomplete: "email", required: true }), present()];
  const submit = async (values, node) => {
    await api.post("/v1/auth/email", values);
    node.reset();
    announce("Open the link in the mail to the new address: it counts from then on.");
  };
  return form({ fields, button: "Change address", submit });
}

export function passwordSection() {
  const fields = [
    field({ name: "current_password", label: "Your present password", type: "password", autocomplete: "current-password", required: true }),
    field({ name: "new_password", label: "New password", hint: "At least 8 characters. A short sentence is good.", type: "password", autocomplete: "new-password", minlength: 8, required: true }),
  ];
  const submit = async (values, node) => {
    await api.put("/v1/auth/password", values);
    node.reset();
    announce("Your password is new; you are signed out everywhere else.");
  };
  return section("Password", folded("Change the password", form({ fields, button: "Change password", submit })));
}

export function twoStepSection() {
  const place = h("div", { class: "stack", "aria-live": "polite" }, line());
  const show = async () => {
    try {
      const { enabled, recovery_codes_left: left } = await api.get("/v1/auth/totp");
      place.replaceChildren(...(enabled ? onView(place, show, left) : offView(place, show)));
    } catch (problem) {
      place.replaceChildren(failure(problem, show));
    }
  };
  show();
  return section("Two-step sign-in", place);
}

function offView(place, show) {
  const submit = async (values) => {
    const { secret, otpauth_uri: uri } = await api.post("/v1/auth/totp", values);
    place.replaceChildren(...secretView(place, show, secret, uri));
  };
  const text = "Off. With it, signing in takes a code of an authenticator app beside your password.";
  return [h("p", { class: "hint" }, text), folded("Turn it on", form({ fields: [present()], button: "Go on", submit }))];
}

function secretView(place, show, secret, uri) {
  const submit = async (values) => {
    const { recovery_codes: codes } = await api.post("/v1/auth/totp/confirm", values);
    showCodes(place, show, codes, "Two-step sign-in is on.");
  };
  const grouped = secret.match(/.{1,4}/g).join(" ");
  return [
    h("p", null, "Scan this with your authenticator app, or add the secret to it, then type the code that it shows."),
    qrPicture(uri, "The secret, to be scanned") ?? "",
    h("p", null, h("code", { dir: "ltr" }, grouped)),
    h("p", null, h("a", { href: uri }, "Open in an app on this device")),
    form({ fields: [code()], button: "Turn it on", submit }),
  ];
}

function onView(place, show, left) {
  const renew = async (values) => {
    const { recovery_codes: codes } = await api.post("/v1/auth/totp/recovery-codes", values);
    showCodes(place, show, codes, "Your new recovery codes; those before are void.");
  };
  const turnOff = async (values) => {
    await api.remove("/v1/auth/totp", values);
    announce("Two-step sign-in is off.");
    await show();
  };
  return [
    h("p", { class: "hint" }, `On. Recovery codes left: ${left}.`),
    folded("Make new recovery codes", form({ fields: [present()], button: "Make new codes", submit: renew })),
    folded("Turn it off", form({ fields: [present(), code()], button: "Turn it off", submit: turnOff })),
  ];
}

function showCodes(place, show, codes, heading) {
  const list = h("ul", { class: "codes", dir: "ltr" }, codes.map((one) => h("li", null, h("code", null, one))));
  const text = "Each of these signs you in once without the app. Keep them away from this device: they are shown this once.";
  place.replaceChildren(h("p", null, heading), h("p", { class: "hint" }, text), list, h("div", null, action("I have kept them", "primary", show)));
}

export function keysSection() {
  const list = cursorList({
    label: "API keys",
    load: (cursor) => api.get(query("/v1/api-keys", { cursor })),
    render: (key) => keyRow(key, list),
    empty: h("p", { class: "hint" }, "None."),
    skeleton: line,
  });
  const made = h("div", { role: "status" });
  return section("API keys", h("p", { class: "hint" }, "With a key a program uses your account, as far as its scopes go."), list, made, folded("Make a key", keyForm(list, made)));
}

function keyForm(list, made) {
  const fields = [
    field({ name: "name", label: "What it is for", required: true, maxlength: 80, dir: "auto" }),
    field({ name: "scopes", label: "Scopes", hint: "Such as posts:read people:write, with spaces between.", required: true, autocapitalize: "none", spellcheck: "false", dir: "ltr" }),
  ];
  const submit = async ({ name, scopes }, node) => {
    const { key } = await api.post("/v1/api-keys", { name, scopes: scopes.split(/[\s,]+/).filter(Boolean) });
    node.reset();
    made.replaceChildren(h("p", null, "Your new key, shown this once:"), h("p", null, h("code", { dir: "ltr" }, key)));
    await list.reload();
  };
  return form({ fields, button: "Make a key", submit });
}

function keyRow(key, list) {
  const end = async () => {
    await api.remove(`/v1/api-keys/${key.id}`);
    announce("Key ended.");
    await list.reload();
  };
  const used = key.last_used_at ? when(key.last_used_at) : "not used yet";
  const what = h("div", null, h("p", null, h("bdi", null, key.name), " ", h("code", { dir: "ltr" }, `${key.starts_with}…`)), h("p", { class: "hint" }, key.scopes.join(", "), " · ", used));
  return h("div", { class: "view-head" }, what, action("End", "danger", end));
}
