/** A key that no other call has: 128 random bits as hex.
 * crypto.randomUUID is missing on plain http outside localhost; getRandomValues is not. */
export function randomKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
