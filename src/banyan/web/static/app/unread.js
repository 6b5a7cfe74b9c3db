let number = 0;

/** How many notifications are unread, as far as this page knows. */
export const unread = () => number;

export function setUnread(next) {
  number = Math.max(0, next);
  dispatchEvent(new CustomEvent("banyan:unread"));
}
