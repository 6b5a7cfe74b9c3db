import { h } from "/assets/shared/dom.js";

/** One run of text with its `code`, **bold** and links. */
export function inline(text) {
  // \x60 is the backtick.
  return text.split(/(\x60[^\x60]+\x60|\*\*[^*]+\*\*|\[[^\]]+\]\([^)\s]+\))/).map((part) => {
    if (part.startsWith("\x60")) return h("code", null, part.slice(1, -1));
    if (part.startsWith("**")) return h("b", null, part.slice(2, -2));
    const link = /^\[([^\]]+)\]\(((?:https?:|\/|#)[^)\s]*)\)$/.exec(part);
    return link ? h("a", { href: link[2] }, link[1]) : part;
  });
}

/** Paragraphs, lists, `code`, **bold** and links: the Markdown that descriptions use. */
export function prose(text) {
  const blocks = text.trim().split(/\n\s*\n/).map((block) => {
    const lines = block.split("\n").map((line) => line.trim());
    if (lines.every((line) => /^[-*] /.test(line))) return h("ul", null, lines.map((line) => h("li", null, inline(line.slice(2)))));
    return h("p", null, inline(lines.join(" ")));
  });
  return h("div", { class: "prose" }, blocks);
}
