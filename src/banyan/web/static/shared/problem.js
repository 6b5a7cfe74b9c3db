/** What went wrong, as the API's problem document says it. `status` 0: no answer came. */
export class Problem extends Error {
  constructor({ status, code, title, detail, errors, request_id }, retryAfterSeconds = null) {
    super(detail || title || "Something went wrong.");
    this.status = status;
    this.code = code;
    this.fields = errors ?? [];
    this.requestId = request_id;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

export function offline() {
  return new Problem({ status: 0, code: "no_answer", detail: "The server cannot be reached. Check your connection." });
}

export async function problemOf(response) {
  const wait = Number.parseFloat(response.headers.get("Retry-After") ?? "");
  const known = { status: response.status, detail: `The server answered ${response.status}.` };
  try {
    return new Problem({ ...known, ...(await response.json()) }, Number.isFinite(wait) ? wait : null);
  } catch {
    return new Problem(known, Number.isFinite(wait) ? wait : null);
  }
}
