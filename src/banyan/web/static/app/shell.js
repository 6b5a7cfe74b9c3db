import { h, icon } from "/assets/shared/dom.js";
import { api } from "/assets/shared/api.js";
import { connectionRow } from "/assets/app/connections.js";
import { me } from "/assets/app/me.js";
import { go, route } from "/assets/app/router.js";
import { unread } from "/assets/app/unread.js";

const SHOWN_REQUESTS = 3;

const inbox = document.getElementById("inbox");
const tabs = document.getElementById("tabs");
const aside = document.getElementById("aside");
const badge = h("span", { class: "badge", hidden: true });
const told = h("span", { class: "badge", hidden: true });

function links() {
  if (!me()) return [["#/discover", "discover", "Discover"], ["#/sign-in", "person", "Sign in"], ["#/sign-up", "check", "Join"]];
  return [
    ["#/feed", "home", "Home"],
    ["#/discover", "discover", "Discover"],
    ["#/connections", "people", "People"],
    [`#/people/${me().handle}`, "person", "Profile"],
    ["#/settings", "settings", "Settings"],
  ];
}

const INBOX = [["#/messages", "talk", "Messages"], ["#/notifications", "bell", "Notifications"]];

export function drawTabs() {
  const link = (number, where) => ([href, picture, name]) => h("a", { href }, icon(picture), h("span", { class: "tab" }, name), picture === where && number);
  tabs.replaceChildren(...links().map(link(badge, "people")));
  inbox.replaceChildren(...(me() ? INBOX : []).map(link(told, "bell")));
  markTab();
}

function drawUnread() {
  const number = unread();
  told.replaceChildren(number > 99 ? "99+" : number, h("span", { class: "visually-hidden" }, " unread"));
  told.hidden = number === 0;
}

addEventListener("banyan:unread", drawUnread);

function markTab() {
  const [first, second] = route();
  for (const link of [...tabs.children, ...inbox.children]) {
    const [name, rest] = link.hash.slice(2).split("/");
    const here = name === first && (!rest || rest === second);
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

addEventListener("banyan:route", markTab);
// A tap on the tab one is on reads it anew.
for (const nav of [tabs, inbox]) {
  nav.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (link?.hash !== location.hash) return;
    event.preventDefault();
    go(link.hash);
  });
}

/** The number of waiting requests, and beside the text the first of them. */
export async function drawRequests() {
  if (!me()) return aside.replaceChildren();
  const page = await api.get("/v1/connections?state=received").catch(() => null);
  if (!page) return;
  const number = page.items.length;
  badge.replaceChildren(page.next_cursor ? `${number}+` : number, h("span", { class: "visually-hidden" }, " requests"));
  badge.hidden = number === 0;
  const rows = page.items.slice(0, SHOWN_REQUESTS).map(connectionRow);
  const more = number > SHOWN_REQUESTS && h("a", { href: "#/connections/received" }, "All requests");
  const none = !number && h("p", { class: "hint" }, "No requests waiting.");
  aside.replaceChildren(h("section", { class: "card" }, h("h2", null, "Requests"), none, rows, more), siteLinks());
}

const siteLinks = () =>
  h("p", { class: "hint" }, h("a", { href: "/" }, "Community"), " · ", h("a", { href: "/docs" }, "API docs"));

addEventListener("banyan:connections", drawRequests);
