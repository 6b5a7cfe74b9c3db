const single = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
// \x60 is the backtick.
const inDouble = (text) => text.replace(/[\\"$\x60]/g, "\\$&");
const variable = (name) => `$${name.toUpperCase().replace(/\W/g, "_")}`;

/** The path with its values; an empty one becomes what `empty(name)` says. */
function filled(path, values, empty) {
  return path.replace(/\{([^}]+)\}/g, (_, raw) => {
    const name = raw.split(":")[0];
    return values[name] ? encodeURIComponent(values[name]) : empty(name);
  });
}

/** Path and query of a request with these values, as a browser sends them. */
export function target({ path }, { inPath, inQuery }) {
  const asked = new URLSearchParams(Object.entries(inQuery).filter(([, value]) => value !== ""));
  return filled(path, inPath, () => "") + (asked.size ? `?${asked}` : "");
}

/** The command that sends the same request; what is not filled in yet is a shell variable. */
export function curlCommand(operation, values, withToken) {
  const { inQuery, inHeader, body } = values;
  const asked = new URLSearchParams(Object.entries(inQuery).filter(([, value]) => value !== ""));
  const path = filled(inDouble(operation.path), values.inPath, variable) + (asked.size ? `?${inDouble(String(asked))}` : "");
  const lines = [`curl${operation.method === "get" ? "" : ` -X ${operation.method.toUpperCase()}`} "${inDouble(location.origin)}${path}"`];
  if (withToken) lines.push(`-H "Authorization: Bearer $TOKEN"`);
  for (const [name, value] of Object.entries(inHeader)) if (value) lines.push(`-H ${single(`${name}: ${value}`)}`);
  if (body) lines.push(`-H 'Content-Type: application/json'`, `-d ${single(body)}`);
  return lines.join(" \\\n  ");
}
