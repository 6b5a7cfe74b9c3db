// QR codes (ISO/IEC 18004): byte mode, level M, versions 1 to 15, which is up to 412 bytes.
// Of each version: bytes of error correction in a block, and blocks (table 9 of the standard).
const CORRECTION = [10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24];
const BLOCKS = [1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10];

const MASKS = [
  (x, y) => (x + y) % 2,
  (x, y) => y % 2,
  (x) => x % 3,
  (x, y) => (x + y) % 3,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2,
  (x, y) => ((x * y) % 2) + ((x * y) % 3),
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2,
];

/** The picture as rows of 0 and 1, without the quiet zone of four modules around it; null for a text that is too long. */
export function qrRows(text) {
  const bytes = new TextEncoder().encode(text);
  const version = BLOCKS.findIndex((_, at) => bytes.length <= dataBytes(at + 1) - (at + 1 < 10 ? 2 : 3)) + 1;
  if (!version) return null;
  const [grid, fixed] = patterns(version);
  place(grid, fixed, interleave(padded(bytes, version), version));
  const pictures = MASKS.map((mask, number) => {
    const picture = grid.map((row, y) => row.map((bit, x) => bit ^ (!fixed[y][x] && mask(x, y) === 0)));
    writeFormat(picture, number);
    return picture;
  });
  const costs = pictures.map(penalty);
  return pictures[costs.indexOf(Math.min(...costs))];
}

const SVG = "http://www.w3.org/2000/svg";
const QUIET = 4;

function svg(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** The same as a picture, dark on white whatever the page's colours; null for a text that is too long. */
export function qrPicture(text, words) {
  const rows = qrRows(text);
  if (!rows) return null;
  const size = rows.length + 2 * QUIET;
  const dark = rows.flatMap((row, y) => row.map((bit, x) => (bit ? `M${x + QUIET} ${y + QUIET}h1v1h-1z` : ""))).join("");
  const parts = [svg("rect", { width: size, height: size, fill: "#fff" }), svg("path", { d: dark, fill: "#000" })];
  return svg("svg", { class: "qr", viewBox: `0 0 ${size} ${size}`, "shape-rendering": "crispEdges", role: "img", "aria-label": words }, ...parts);
}

function alignments(version) {
  return Math.floor(version / 7) + 2;
}

function dataBytes(version) {
  const count = alignments(version);
  let modules = (16 * version + 128) * version + 64;
  if (version >= 2) modules -= (25 * count - 10) * count - 55;
  if (version >= 7) modules -= 36;
  return Math.floor(modules / 8) - CORRECTION[version - 1] * BLOCKS[version - 1];
}

function padded(bytes, version) {
  const size = dataBytes(version);
  const length = bytes.length.toString(2).padStart(version < 10 ? 8 : 16, "0");
  let bits = "0100" + length + Array.from(bytes, (byte) => byte.toString(2).padStart(8, "0")).join("");
  bits += "0".repeat(Math.min(4, size * 8 - bits.length));
  bits = bits.padEnd(Math.ceil(bits.length / 8) * 8, "0");
  const data = bits.match(/.{8}/g).map((byte) => parseInt(byte, 2));
  for (let pad = 0xec; data.length < size; pad ^= 0xec ^ 0x11) data.push(pad);
  return data;
}

function interleave(data, version) {
  const [correction, count] = [CORRECTION[version - 1], BLOCKS[version - 1]];
  const short = Math.floor(data.length / count);
  const long = data.length % count;
  const blocks = [];
  for (let at = 0; blocks.length < count; ) {
    const size = short + (blocks.length >= count - long);
    blocks.push(data.slice(at, at + size));
    at += size;
  }
  const columns = (parts) => Array.from({ length: short + 1 + correction }, (_, at) => parts.map((part) => part[at])).flat();
  const divisor = generator(correction);
  const all = [...columns(blocks), ...columns(blocks.map((block) => remainder(block, divisor)))];
  return all.filter((byte) => byte !== undefined);
}

function multiply(a, b) {
  let product = 0;
  for (let bit = 7; bit >= 0; bit--) product = (product << 1) ^ ((product >> 7) * 0x11d) ^ (((b >> bit) & 1) * a);
  return product;
}

/** Coefficients of (x - 1)(x - 2)(x - 4)..., the first left out, which is 1. */
function generator(degree) {
  const terms = Array(degree).fill(0);
  terms[degree - 1] = 1;
  for (let root = 1, turn = 0; turn < degree; turn++, root = multiply(root, 2)) {
    for (let at = 0; at < degree; at++) terms[at] = multiply(terms[at], root) ^ (terms[at + 1] ?? 0);
  }
  return terms;
}

function remainder(block, divisor) {
  const left = Array(divisor.length).fill(0);
  for (const byte of block) {
    const factor = byte ^ left.shift();
    left.push(0);
    divisor.forEach((term, at) => (left[at] ^= multiply(term, factor)));
  }
  return left;
}

/** What every picture of a version has, and where data may not go. */
function patterns(version) {
  const size = version * 4 + 17;
  const grid = Array.from({ length: size }, () => Array(size).fill(0));
  const fixed = grid.map((row) => row.slice());
  const set = (x, y, bit) => {
    if (x < 0 || y < 0 || x >= size || y >= size) return;
    grid[y][x] = Number(bit);
    fixed[y][x] = 1;
  };
  for (let at = 0; at < size; at++) [set(6, at, at % 2 === 0), set(at, 6, at % 2 === 0)];
  const square = (left, top, radius, isDark) => {
    for (let y = -radius; y <= radius; y++) {
      for (let x = -radius; x <= radius; x++) set(left + x, top + y, isDark(Math.max(Math.abs(x), Math.abs(y))));
    }
  };
  for (const [x, y] of [[3, 3], [size - 4, 3], [3, size - 4]]) square(x, y, 4, (ring) => ring !== 2 && ring !== 4);
  const count = alignments(version);
  const step = Math.ceil((version * 4 + 4) / (count * 2 - 2)) * 2;
  const places = version === 1 ? [] : [6, ...Array.from({ length: count - 1 }, (_, at) => size - 7 - step * (count - 2 - at))];
  for (const y of places) {
    for (const x of places) {
      const inCorner = [[6, 6], [6, size - 7], [size - 7, 6]].some(([a, b]) => a === x && b === y);
      if (!inCorner) square(x, y, 2, (ring) => ring !== 1);
    }
  }
  for (let at = 0; at < 9; at++) [set(8, at, grid[at][8]), set(at, 8, grid[8][at])];
  for (let at = 0; at < 8; at++) [set(size - 1 - at, 8, 0), set(8, size - 1 - at, 0)];
  if (version >= 7) {
    const bits = (version << 12) | checksum(version, 12, 0x1f25);
    for (let at = 0; at < 18; at++) {
      const [far, near] = [size - 11 + (at % 3), Math.floor(at / 3)];
      [set(far, near, (bits >> at) & 1), set(near, far, (bits >> at) & 1)];
    }
  }
  return [grid, fixed];
}

/** BCH code of `value`. */
function checksum(value, bits, divisor) {
  let left = value;
  for (let turn = 0; turn < bits; turn++) left = (left << 1) ^ ((left >> (bits - 1)) * divisor);
  return left;
}

/** Upwards and downwards by turns, in columns of two from the right. */
function place(grid, fixed, bytes) {
  const size = grid.length;
  let at = 0;
  for (let right = size - 1, up = true; right > 0; right -= right === 8 ? 3 : 2, up = !up) {
    for (let turn = 0; turn < size; turn++) {
      const y = up ? size - 1 - turn : turn;
      for (const x of [right, right - 1]) {
        if (fixed[y][x]) continue;
        grid[y][x] = ((bytes[at >> 3] ?? 0) >> (7 - (at & 7))) & 1;
        at++;
      }
    }
  }
}

/** Level M (00) and the mask, twice. */
function writeFormat(picture, mask) {
  const size = picture.length;
  const bits = ((mask << 10) | checksum(mask, 10, 0x537)) ^ 0x5412;
  const bit = (at) => (bits >> at) & 1;
  for (let at = 0; at < 15; at++) {
    const down = at < 6 ? at : at < 8 ? at + 1 : size - 15 + at;
    picture[down][8] = bit(at);
    const across = at < 8 ? size - 1 - at : at === 8 ? 7 : 14 - at;
    picture[8][across] = bit(at);
  }
  picture[size - 8][8] = 1;
}

/** How hard a picture is to read: the lowest of eight is taken. */
function penalty(picture) {
  const rows = picture.map((row) => row.join(""));
  const columns = picture.map((_, x) => picture.map((row) => row[x]).join(""));
  let cost = 0;
  for (const line of [...rows, ...columns]) {
    for (const run of line.match(/0{5,}|1{5,}/g) ?? []) cost += run.length - 2;
    cost += 40 * (line.match(/(?=10111010000|00001011101)/g) ?? []).length;
  }
  for (let y = 1; y < rows.length; y++) {
    for (let x = 1; x < rows.length; x++) {
      const sum = picture[y][x] + picture[y - 1][x] + picture[y][x - 1] + picture[y - 1][x - 1];
      if (sum % 4 === 0) cost += 3;
    }
  }
  const dark = (rows.join("").split("1").length - 1) / rows.length ** 2;
  return cost + 10 * Math.floor(Math.abs(dark * 20 - 10));
}
