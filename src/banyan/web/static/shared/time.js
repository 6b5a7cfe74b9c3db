import { h } from "/assets/shared/dom.js";

const STEPS = [
  ["minute", 60],
  ["hour", 3600],
  ["day", 86400],
];
const WEEK_SECONDS = 7 * 86400;
const relative = new Intl.RelativeTimeFormat(navigator.language, { numeric: "auto", style: "short" });
const day = new Intl.DateTimeFormat(navigator.language, { dateStyle: "medium" });
const exact = new Intl.DateTimeFormat(navigator.language, { dateStyle: "full", timeStyle: "short" });

function ago(iso) {
  const then = new Date(iso);
  const seconds = (Date.now() - then) / 1000;
  if (seconds < 45) return "just now";
  if (seconds > WEEK_SECONDS) return day.format(then);
  const [unit, size] = STEPS.findLast(([, length]) => seconds >= length) ?? STEPS[0];
  return relative.format(-Math.max(1, Math.round(seconds / size)), unit);
}

/** A time that stays true while the page is open. */
export function when(iso) {
  return h("time", { datetime: iso, title: exact.format(new Date(iso)), "data-ago": true }, ago(iso));
}

export const dayOf = (iso) => day.format(new Date(iso));

setInterval(() => {
  if (document.hidden) return;
  for (const node of document.querySelectorAll("time[data-ago]")) {
    const text = ago(node.dateTime);
    if (node.textContent !== text) node.textContent = text;
  }
}, 30000);
