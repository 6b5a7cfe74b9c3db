import { h } from "/assets/shared/dom.js";
import { form } from "/assets/shared/forms.js";
import { adopt } from "/assets/shared/session.js";
import { signUpFields } from "/assets/shared/sign_up.js";
import { send } from "/assets/shared/transport.js";
import { fromHash } from "/assets/links/token.js";

const place = document.getElementById("place");
const token = fromHash("token");

if (token) {
  const submit = async (values) => {
    adopt(await send("POST", "/v1/setup/first-admin", { body: { token, ...values } }));
    location.replace("/app#/feed");
  };
  place.replaceChildren(form({ fields: signUpFields(), button: "Make the first admin", submit }));
} else {
  place.replaceChildren(h("p", null, "The link is not complete: its last part, after #, is missing. Copy it again from where the server printed it."));
}
