import { announce, h } from "/assets/shared/dom.js";
import { api } from "/assets/shared/api.js";
import { isSignedIn, onSessionChange } from "/assets/shared/session.js";
import { me } from "/assets/app/me.js";
import { action, section } from "/assets/app/sections.js";

// Who wants to be told in this browser: nobody else who signs in here is asked for them.
const WHO = "banyan.push";
const WORKER = "/push-worker.js";

const isPossible = () => "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;

function bytesOf(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

const sameKey = (subscription, key) =>
  !subscription.options.applicationServerKey || String(new Uint8Array(subscription.options.applicationServerKey)) === String(key);

async function subscribe() {
  const key = bytesOf((await api.get("/v1/push/key")).public_key);
  await navigator.serviceWorker.register(WORKER);
  const { pushManager } = await navigator.serviceWorker.ready;
  const old = await pushManager.getSubscription();
  // Made for a key that is no longer used: nothing would come of it.
  if (old && !sameKey(old, key)) await old.unsubscribe();
  const subscription = await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  await api.post("/v1/push/subscriptions", subscription.toJSON());
}

// Says again where this browser is reached: in another session, or after its push service has moved it.
async function renew() {
  if (!isPossible() || Notification.permission !== "granted" || !localStorage.getItem(WHO) || !isSignedIn()) return;
  const { id } = await api.get("/v1/me");
  if (localStorage.getItem(WHO) === id) await subscribe();
}

onSessionChange(() => renew().catch(() => {}));

async function turnOn() {
  if ((await Notification.requestPermission()) !== "granted") {
    announce("Your browser does not let us tell you anything. Its settings for this page can change that.");
    return;
  }
  await subscribe();
  localStorage.setItem(WHO, me().id);
  announce("You will be told in this browser.");
}

async function turnOff() {
  localStorage.removeItem(WHO);
  const registration = await navigator.serviceWorker.getRegistration(WORKER);
  const subscription = await registration?.pushManager.getSubscription();
  if (subscription) {
    const { endpoint } = subscription;
    await subscription.unsubscribe();
    // Gone already: all the better.
    await api.remove(`/v1/push/subscriptions?${new URLSearchParams({ endpoint })}`).catch((problem) => {
      if (problem.status !== 404) throw problem;
    });
  }
  announce("You will not be told in this browser any more.");
}

/** Whether one is told in this browser of what happens while no page is open. */
export function pushSection() {
  const place = h("div");
  const draw = () => {
    const isOn = localStorage.getItem(WHO) === me().id && Notification.permission === "granted";
    const turn = async () => {
      await (isOn ? turnOff() : turnOn());
      draw();
    };
    place.replaceChildren(action(isOn ? "Turn off notifications" : "Turn on notifications", "", turn));
  };
  renew().catch(() => {});
  if (isPossible()) draw();
  else place.append(h("p", { class: "hint" }, "This browser cannot do that here."));
  const hint = "In this browser, also while no page is open: comments, mentions, messages and what else concerns you.";
  return section("Notifications", h("p", { class: "hint" }, hint), place);
}
