export { Banyan } from "./client.js";
export { type ConnectionOptions } from "./connection.js";
export { BanyanError, Problem, UnexpectedAnswer, Unreachable, type FieldError } from "./errors.js";
export * from "./models.js";
export { Pages, type Page } from "./pages.js";
export { type Retries } from "./retries.js";
export { LocalStorage, MemoryStorage, type TokenStorage, type Tokens } from "./tokens.js";
export { type CallOptions, type PostOptions } from "./transport.js";
