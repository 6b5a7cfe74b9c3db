/** What the link carries after its #: never sent to a server by itself, so it stands in no log. */
export const fromHash = (name) => new URLSearchParams(location.hash.slice(1)).get(name);
