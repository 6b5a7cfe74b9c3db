// The page's socket, as docs/realtime.md describes it: opened by ticket, opened again when it is lost, closed while
// nobody looks. Pages work without it: they look less often.

const VERSION = 1;
const LONGEST_PAUSE_SECONDS = 60;
const HIDDEN_SECONDS = 60;
// The server answers a ping at once; it lets a silent client live a little longer than this.
const SILENCE_SECONDS = 30;
// About the ticket alone: the next one may do.
const OTHER_TICKET = new Set(["invalid_ticket", "invalid_token", "token_expired", "unauthorized"]);

/** Joins topics until `stop()`. topics: name -> {joined(recovered), event(data)}; access() -> {url, ticket};
 * told(isLive) is called whenever that changes. */
export function live(topics, access, told) {
  const places = {};
  let socket = null;
  let opening = false;
  let isLive = false;
  let stopped = false;
  let elsewhere = false;
  let pause = 1;
  let after = 0;
  let timer = 0;
  let silence = 0;
  let hiding = 0;

  const say = (frame) => socket.send(JSON.stringify(frame));

  function turn(on) {
    if (isLive === on) return;
    isLive = on;
    told(on);
  }

  function listen(pinged) {
    clearTimeout(silence);
    silence = setTimeout(() => {
      if (pinged) return close();
      say({ type: "ping" });
      listen(true);
    }, SILENCE_SECONDS * 1000);
  }

  const hear = {
    hello() {
      for (const topic of Object.keys(topics)) say({ type: "subscribe", topic, ...places[topic] });
    },
    subscribed({ topic, durable, recovered, epoch, offset }) {
      if (durable) places[topic] = { epoch, offset };
      pause = 1;
      turn(true);
      topics[topic].joined(recovered);
    },
    event({ topic, offset, data }) {
      if (offset !== undefined) places[topic].offset = offset;
      topics[topic].event(data);
    },
    goodbye({ reason, reconnect, after_seconds }) {
      after = after_seconds;
      if (!reconnect && !OTHER_TICKET.has(reason)) stop();
    },
  };

  function lost() {
    clearTimeout(silence);
    socket = null;
    turn(false);
    if (stopped || document.hidden) return;
    clearTimeout(timer);
    timer = setTimeout(open, (after + pause * (0.5 + Math.random() / 2)) * 1000);
    pause = Math.min(pause * 2, LONGEST_PAUSE_SECONDS);
    after = 0;
  }

  async function open() {
    if (socket || opening || stopped) return;
    clearTimeout(timer);
    opening = true;
    try {
      const { url, ticket } = await access();
      // A server that is known by several names says only one of them; maybe it is not reached by that one from here.
      const own = `${location.origin.replace(/^http/, "ws")}/v1/socket`;
      socket = new WebSocket(elsewhere ? own : url);
      let greeted = false;
      socket.onopen = () => {
        say({ type: "hello", version: VERSION, ticket });
        listen(false);
      };
      socket.onmessage = (message) => {
        greeted = true;
        listen(false);
        const frame = JSON.parse(message.data);
        hear[frame.type]?.(frame);
      };
      socket.onclose = () => {
        if (!greeted && own !== url) elsewhere = !elsewhere;
        lost();
      };
    } catch (problem) {
      after = problem.retryAfterSeconds ?? 0;
      lost();
    } finally {
      opening = false;
    }
  }

  function close() {
    if (!socket) return;
    socket.onclose = null;
    socket.close();
    lost();
  }

  function stop() {
    stopped = true;
    clearTimeout(timer);
    clearTimeout(hiding);
    removeEventListener("pagehide", close);
    removeEventListener("pageshow", open);
    removeEventListener("online", open);
    document.removeEventListener("visibilitychange", look);
    close();
  }

  function look() {
    clearTimeout(hiding);
    if (document.hidden) hiding = setTimeout(close, HIDDEN_SECONDS * 1000);
    else open();
  }

  // A page that is kept for the way back may hold no socket.
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  addEventListener("online", open);
  document.addEventListener("visibilitychange", look);
  if (!document.hidden) open();
  return { stop };
}
