// The order matters: most browsers name the ones before them too.
const BROWSERS = [["Edg", "Edge"], ["OPR", "Opera"], ["SamsungBrowser", "Samsung Internet"], ["Firefox", "Firefox"], ["FxiOS", "Firefox"], ["CriOS", "Chrome"], ["Chrome", "Chrome"], ["Safari", "Safari"], ["curl", "curl"]];
const SYSTEMS = [["Android", "Android"], ["iPhone", "iPhone"], ["iPad", "iPad"], ["Windows", "Windows"], ["Mac OS X", "Mac"], ["CrOS", "Chromebook"], ["Linux", "Linux"]];

/** "Firefox on Android" from a User-Agent header. */
export function browserName(agent) {
  if (!agent) return "Unknown browser";
  const first = (table) => table.find(([sign]) => agent.includes(sign))?.[1];
  const system = first(SYSTEMS);
  const browser = first(BROWSERS) ?? agent.split(/[\s/]/)[0];
  return system ? `${browser} on ${system}` : browser;
}
