import { announce, h } from "/assets/shared/dom.js";
import { api } from "/assets/shared/api.js";
import { form } from "/assets/shared/forms.js";
import { attributeFields } from "/assets/app/attribute_fields.js";
import { audienceChoice } from "/assets/app/audience_choice.js";

/** Changes text, attributes and audience of one's own post; closed(post) is told, with what there is of it now. */
export function editForm(post, closed) {
  const box = h("textarea", { name: "body", required: true, dir: "auto", "aria-label": "Text of the post", value: post.body });
  const cancel = h("button", { type: "button", class: "button", onclick: () => closed(post) }, "Cancel");
  const { choice, which, value } = audienceChoice(post.audience, true);
  const boxes = [Object.assign(box, { complain: announce, input: box })];
  const { node, read } = attributeFields("posts", boxes, () => post.attributes ?? {});

  async function submit({ body }) {
    const audience = value();
    // What nobody has touched is not sent: a list that is gone would be refused.
    const another = audience.kind !== post.audience.kind || (audience.id && audience.id !== post.audience.id);
    const changes = { body, audience: another ? audience : undefined, attributes: await read() };
    const changed = await api.patch(`/v1/posts/${post.id}`, changes);
    announce("Post changed.");
    closed(changed);
  }
  return form({ fields: boxes, between: [node, choice, which], button: "Save", submit, extra: [cancel], class: "stack edit" });
}
