import { api, query } from "/assets/shared/api.js";
import { cursorList } from "/assets/shared/lists.js";

/** A list in which, at each tick, what is new or has changed comes to the top; version(item) tells whether it has. */
export function renewingList({ path, render, version, ...rest }) {
  const rows = new Map();
  const list = cursorList({
    load: (cursor) => api.get(query(path, { cursor })),
    render(item) {
      const node = render(item);
      rows.set(item.id, { node, version: version(item) });
      return node;
    },
    ...rest,
  });

  async function tick() {
    const page = await api.get(path).catch(() => null);
    for (const item of page?.items.reverse() ?? []) {
      const shown = rows.get(item.id);
      if (shown?.version === version(item)) continue;
      shown?.node.closest(".item")?.remove();
      list.ids.delete(item.id);
      list.prepend(item);
    }
  }
  return { list, tick };
}
