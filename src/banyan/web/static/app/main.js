import { h } from "/assets/shared/dom.js";
import { community } from "/assets/shared/community.js";
import { failure } from "/assets/shared/lists.js";
import { isSignedIn, onSessionChange } from "/assets/shared/session.js";
import { offline } from "/assets/shared/problem.js";
import { discoverView, feedView } from "/assets/app/feed.js";
import { loadMe, me, setMe } from "/assets/app/me.js";
import { forgetViews, fresh, go, route, startRouter } from "/assets/app/router.js";
import { drawRequests, drawTabs } from "/assets/app/shell.js";

// Opened less often: their scripts come when they are.
const gates = () => import("/assets/app/gate.js");
const connectionsView = later("People", async () => (await import("/assets/app/people.js")).connectionsView);
const messagesView = later("Messages", async () => (await import("/assets/app/messages.js")).messagesView);
const notificationsView = later("Notifications", async () => (await import("/assets/app/notifications.js")).notificationsView);
const postView = later("Post", async () => (await import("/assets/app/one_post.js")).postView);
const profileView = later("Profile", async () => (await import("/assets/app/profile.js")).profileView);
const savedView = later("Saved", async () => (await import("/assets/app/saved.js")).savedView);
const settingsView = later("Settings", async () => (await import("/assets/app/settings.js")).settingsView);
const signInView = later("Sign in", async () => (await gates()).signInView);
const signUpView = later("Sign up", async () => (await gates()).signUpView);

const OPEN = { discover: discoverView, people: profileView, posts: postView };
const MEMBERS = {
  feed: feedView,
  saved: savedView,
  connections: connectionsView,
  messages: messagesView,
  notifications: notificationsView,
  settings: settingsView,
};
const GATES = { "sign-in": signInView, "sign-up": signUpView };

const main = document.getElementById("main");

function later(name, load) {
  return (parts) => {
    const node = h("div", null, h("div", { class: "skeleton" }));
    let tick = null;
    const show = () =>
      load().then(
        (view) => {
          const shown = view(parts);
          tick = shown.tick;
          node.replaceChildren(shown.node);
        },
        () => node.replaceChildren(failure(offline(), show)),
      );
    show();
    return { title: `${name} · Banyan`, node, tick: () => tick?.() };
  };
}

function find(parts) {
  const [name] = parts;
  const view = OPEN[name] ?? (me() ? MEMBERS[name] : GATES[name]);
  if (view) return view(parts);
  return me() ? feedView() : signInView();
}

async function enter() {
  try {
    if (isSignedIn()) await loadMe();
  } catch (problem) {
    // Signed out meanwhile: go on as a guest. Anything else is worth another try.
    if (problem.status !== 401) return main.replaceChildren(failure(problem, boot));
  }
  drawTabs();
  drawRequests();
}

async function boot() {
  await enter();
  if (!document.querySelector("#tabs a")) return;
  startRouter(main, find);
  import("/assets/app/live.js");
}

onSessionChange(async () => {
  forgetViews();
  if (!isSignedIn()) {
    setMe(null);
    drawTabs();
    drawRequests();
    return go("#/sign-in");
  }
  await enter();
  if (GATES[route()[0]] || !MEMBERS[route()[0]]) go("#/feed");
  else fresh();
});

document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});

community().then(
  ({ name }) => name && (document.getElementById("community").textContent = name),
  () => {},
);
main.replaceChildren(h("div", { class: "skeleton" }));
if (!location.hash) history.replaceState(null, "", isSignedIn() ? "#/feed" : "#/sign-in");
boot();
