import { h, linked } from "/assets/shared/dom.js";
import { cursorList } from "/assets/shared/lists.js";
import { Problem } from "/assets/shared/problem.js";
import { when } from "/assets/shared/time.js";
import { send } from "/assets/shared/transport.js";

const at = (id) => document.getElementById(id);
const key = () => new URLSearchParams(location.hash.slice(1)).get("key");

async function load(cursor) {
  if (!key()) throw new Problem({ status: 404, detail: "This page opens by the secret link that the server prints when it starts." });
  const path = `/dev/mailbox/messages${cursor ? `?cursor=${encodeURIComponent(cursor)}` : ""}`;
  return send("GET", path, { headers: { "X-Mailbox-Key": key() } });
}

function entry(mail) {
  const button = h("button", { class: "entry" }, h("b", { dir: "auto" }, mail.subject), h("span", { class: "hint" }, h("bdi", null, mail.to), when(mail.created_at)));
  button.addEventListener("click", () => {
    document.querySelector(".entry[aria-current]")?.removeAttribute("aria-current");
    button.setAttribute("aria-current", "true");
    open(mail);
  });
  return button;
}

function open(mail) {
  const place = at("mail");
  place.replaceChildren(
    h("div", null, h("h2", { dir: "auto" }, mail.subject), h("p", { class: "hint" }, "to ", h("bdi", null, mail.to), " · ", when(mail.created_at))),
    h("pre", { dir: "auto" }, linked(mail.text ?? "")),
    mail.html ? h("details", { open: true }, h("summary", null, "As HTML"), frame(mail)) : "",
  );
  place.hidden = false;
  place.focus({ preventScroll: true });
  if (place.getBoundingClientRect().top > innerHeight * 0.6) place.scrollIntoView();
}

// The sandbox lets nothing run and nothing reach this page; a link opens beside it, as an ordinary tab.
function frame(mail) {
  const sandbox = "allow-popups allow-popups-to-escape-sandbox";
  return h("iframe", { sandbox, title: `HTML of ${mail.subject}`, referrerpolicy: "no-referrer", srcdoc: `<base target="_blank">${mail.html}` });
}

const list = cursorList({
  label: "Mails",
  load,
  render: entry,
  empty: h("div", { class: "notice" }, h("p", null, "No mail yet."), h("p", null, "Sign up, and the confirmation lands here.")),
  skeleton: () => h("div", { class: "skeleton line" }),
});
at("list").append(list);
at("again").addEventListener("click", list.reload);
addEventListener("hashchange", list.reload);
