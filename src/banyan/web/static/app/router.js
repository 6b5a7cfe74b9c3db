// Hash routes. A view is {title, node, tick?}; going back finds the view as it was left, where it was left.

const KEPT_VIEWS = 8;
const TICK_SECONDS = 40;

const kept = new Map();
let current = null;
let place = null;
let find = null;

export const route = () => location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);

export function go(hash) {
  if (location.hash === hash) fresh();
  else location.hash = hash;
}

function entry() {
  if (!history.state?.entry) history.replaceState({ entry: `${Date.now()}.${Math.random()}` }, "");
  return history.state.entry;
}

function show(view, id, scroll) {
  current = { view, id };
  kept.delete(id);
  kept.set(id, current);
  if (kept.size > KEPT_VIEWS) kept.delete(kept.keys().next().value);
  place.replaceChildren(view.node);
  document.title = view.title;
  scrollTo(0, scroll);
}

function turn(event) {
  if (current) current.scroll = scrollY;
  const known = kept.get(entry());
  if (known) show(known.view, known.id, known.scroll ?? 0);
  else fresh();
  if (event) focusHeading();
  dispatchEvent(new CustomEvent("banyan:route"));
}

function focusHeading() {
  const heading = place.querySelector("h1") ?? place;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
}

/** Builds the current route anew. */
export function fresh() {
  show(find(route()), entry(), 0);
}

/** Forgets every kept view: what one person saw is not for the next. */
export function forgetViews() {
  kept.clear();
}

/** find(parts of the route) -> view; place: the element that shows it. */
export function startRouter(element, finder) {
  place = element;
  find = finder;
  history.scrollRestoration = "manual";
  addEventListener("hashchange", turn);
  const tick = () => document.hidden || current?.view.tick?.();
  setInterval(tick, TICK_SECONDS * 1000);
  addEventListener("banyan:news", tick);
  document.addEventListener("visibilitychange", tick);
  turn();
}
