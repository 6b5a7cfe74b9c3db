import { announce, h } from "/assets/shared/dom.js";
import { api } from "/assets/shared/api.js";
import { during } from "/assets/shared/forms.js";
import { confirm } from "/assets/app/confirm.js";

/** The buttons between me and another person, for the state they are in; changed(connection | null) is told. */
export function connectButtons(person, connection, changed = () => {}) {
  const box = h("div", { class: "row" });
  const small = (text, style, work) => {
    const button = h("button", { class: `button small ${style}` }, text);
    button.addEventListener("click", () => during(button, work, announce));
    return button;
  };
  const become = (next, words) => {
    connection = next;
    draw();
    announce(words);
    changed(next);
    dispatchEvent(new CustomEvent("banyan:connections"));
  };

  const ask = async () => become(await api.post("/v1/connections", { person_id: person.id }), "Request sent.");
  const accept = async () => {
    await api.post(`/v1/connections/${connection.id}/accept`);
    become({ ...connection, state: "connected" }, `You and ${person.display_name} are connected.`);
  };
  const decline = async () => {
    await api.post(`/v1/connections/${connection.id}/decline`);
    become(null, "Request declined.");
  };
  const end = async (words) => {
    await api.remove(`/v1/connections/${connection.id}`);
    become(null, words);
  };
  const leave = async () => {
    const text = `You and ${person.display_name} will no longer see what each shares with connections.`;
    if (await confirm({ title: "End this connection?", text, action: "End it" })) await end("Connection ended.");
  };

  function draw() {
    const focused = box.contains(document.activeElement);
    const shown = {
      sent: () => [small("Take back request", "", () => end("Request taken back."))],
      received: () => [small("Accept", "primary", accept), small("Decline", "", decline)],
      connected: () => [small("Connected ✓", "", leave)],
    }[connection?.state];
    box.replaceChildren(...(shown?.() ?? [small("Connect", "primary", ask)]));
    if (focused) box.firstChild.focus();
  }
  draw();
  return box;
}
