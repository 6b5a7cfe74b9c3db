import { field } from "/assets/shared/forms.js";

export const HANDLE_HINT = "How others find you: 3 to 30 of a-z, 0-9, _ and dot.";

/** The four fields of a new account; a handle is proposed from the name until the person writes one. */
export function signUpFields() {
  const name = field({ name: "display_name", label: "Your name", autocomplete: "name", required: true, dir: "auto" });
  const handle = field({
    name: "handle", label: "Handle", hint: HANDLE_HINT,
    autocomplete: "off", autocapitalize: "none", spellcheck: "false", required: true, dir: "ltr",
  });
  const email = field({ name: "email", label: "E-mail", type: "email", autocomplete: "username", required: true });
  const password = field({ name: "password", label: "Password", hint: "At least 8 characters. A short sentence is good.", type: "password", autocomplete: "new-password", required: true });
  let own = false;
  handle.input.addEventListener("input", () => (own = handle.input.value !== ""));
  name.input.addEventListener("input", () => own || (handle.input.value = handleFrom(name.input.value)));
  return [name, handle, email, password];
}

function handleFrom(name) {
  const plain = name.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  return plain.replace(/[^a-z0-9]+/g, "_").replace(/^_+|_+$/g, "").slice(0, 30);
}
