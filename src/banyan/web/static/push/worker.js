// Shows what is pushed to this browser, and opens it when it is chosen. What has the same tag replaces each other.

addEventListener("push", (event) => {
  const { title = "", body = "", tag, url = "/app" } = event.data?.json() ?? {};
  event.waitUntil(registration.showNotification(title, { body, tag, icon: "/favicon.ico", data: { url } }));
});

addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data.url));
});

async function open(url) {
  const windows = await clients.matchAll({ type: "window" });
  const app = windows.find((one) => new URL(one.url).pathname === "/app");
  if (!app) return clients.openWindow(url);
  await app.focus();
  return app.navigate(url);
}
