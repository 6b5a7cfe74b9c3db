import { announce, h, icon } from "/assets/shared/dom.js";
import { offline } from "/assets/shared/problem.js";
import { AUDIENCES } from "/assets/posts/face.js";

/** Who may read a post: `choice` are the kinds, `which` the lists where it is for one; `value()` is the API's audience.
 *  `first` is chosen at the beginning; `settled`: it may stay though its list is gone. */
export function audienceChoice(first, settled = false) {
  const choice = h("fieldset", { class: "choice" }, h("legend", { class: "visually-hidden" }, "Who may read it"));
  for (const [kind, { icon: picture, label }] of Object.entries(AUDIENCES)) {
    const radio = h("input", { type: "radio", name: "audience", value: kind, checked: kind === first.kind });
    choice.append(h("label", { title: label }, radio, h("span", null, icon(picture), label)));
  }
  const which = h("div", { hidden: true });
  const kindOf = () => choice.querySelector(":checked").value;

  async function drawWhich() {
    which.replaceChildren();
    which.hidden = kindOf() !== "list";
    const found = !which.hidden && (await import("/assets/app/list_choice.js").catch(() => announce(offline().message)));
    // Another may have been chosen meanwhile.
    if (found && !which.hidden) which.replaceChildren(found.listChoice(first.id, !(settled && first.kind === "list")));
  }

  choice.addEventListener("change", drawWhich);
  drawWhich();
  const value = () => {
    const id = which.querySelector("select")?.value;
    return id ? { kind: kindOf(), id } : { kind: kindOf() };
  };
  return { choice, which, value };
}
