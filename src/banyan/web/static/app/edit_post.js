import { announce, h } from "/assets/shared/dom.js";
import { api } from "/assets/shared/api.js";
import { form } from "/assets/shared/forms.js";
import { audienceChoice } from "/assets/app/audience_choice.js";

/** Changes text and audience of one's own post; closed(post) is told, with what there is of it now. */
export function editForm(post, closed) {
  const box = h("textarea", { name: "body", required: true, dir: "auto", "aria-label": "Text of the post", value: post.body });
  const cancel = h("button", { type: "button", class: "button", onclick: () => closed(post) }, "Cancel");
  const { choice, which, value } = audienceChoice(post.audience, true);

  async function submit({ body }) {
    const audience = value();
    // What nobody has touched is not sent: a list that is gone would be refused.
    const another = audience.kind !== post.audience.kind || (audience.id && audience.id !== post.audience.id);
    const changed = await api.patch(`/v1/posts/${post.id}`, another ? { body, audience } : { body });
    announce("Post changed.");
    closed(changed);
  }
  const field = Object.assign(box, { complain: announce, input: box });
  return form({ fields: [field, choice, which], button: "Save", submit, extra: [cancel], class: "stack edit" });
}
