/** The server's rules for names of players and rooms: the longest, and the characters that are not allowed. */
const RULES = {
  player: { most: 128, others: /[^A-Za-z0-9_.:|@+=~-]+/g, symbols: '_ . : | @ + = ~ -' },
  room: { most: 64, others: /[^A-Za-z0-9_.:-]+/g, symbols: '_ . : -' },
};

/** The problem with the name of a `player` or a `room`, or null if it is valid. */
export function problemWith(what, name) {
  const { most, others, symbols } = RULES[what];
  if (name === '') return 'Please fill this in.';
  if (name.length > most) return `At most ${most} characters, this has ${name.length}.`;
  if (name === '.' || name === '..') return 'A name cannot be “.” or “..”.';
  return name.search(others) < 0 ? null : `Only letters A-Z, digits and ${symbols} without spaces.`;
}

/** The most similar valid name, or null if there is none: “Zoë B.” becomes “Zoe-B.”. */
export function nearest(what, name) {
  const { most, others } = RULES[what];
  const plain = name.normalize('NFKD').replace(/\p{M}/gu, '').trim();
  const kept = plain.replace(others, '-').replace(/^-+|-+$/g, '').slice(0, most);
  return problemWith(what, kept) === null ? kept : null;
}

/** The room on the page. */
let shown = null;

/** Shows players as this room's display names say. */
export function showNamesOf(room) {
  shown = room;
}

/** What the page calls a player: the display name, if the player is here and has one. */
export function nameOf(player) {
  return shown?.names.get(player) ?? player;
}

const HOW = ['swift', 'brave', 'lucky', 'quiet', 'bold', 'sharp', 'merry', 'nimble', 'witty', 'calm'];
const WHO = ['otter', 'falcon', 'lynx', 'badger', 'heron', 'fox', 'mole', 'raven', 'hare', 'newt', 'wren', 'ibex'];

/** A random element of a list. */
export const anyOf = (list) => list[Math.floor(Math.random() * list.length)];

/** A friendly player name that is probably unused. */
export function randomPlayer() {
  return `${anyOf(HOW)}-${anyOf(WHO)}-${Math.floor(Math.random() * 90 + 10)}`;
}

/** A hash of a name, the same on every page. Colours and icons depend on it. */
export function hashOf(name) {
  let hash = 2166136261;
  for (const char of name) hash = Math.imul(hash ^ char.codePointAt(0), 16777619);
  return hash >>> 0;
}
