import { api } from "/assets/shared/api.js";

let number = 0;

/** How many notifications are unread, as far as this page knows. */
export const unread = () => number;

export function setUnread(next) {
  number = next;
  dispatchEvent(new CustomEvent("banyan:unread"));
}

export async function countUnread() {
  setUnread((await api.get("/v1/notifications/unread-count")).unread_count);
}
