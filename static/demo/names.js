/** The server's rule for names of rooms, players and assets. */
const ALLOWED = /^[A-Za-z0-9_.:-]{1,64}$/;
const MAX_LENGTH = 64;

/** The problem with a name, or null if it is valid. */
export function problemWith(name) {
  if (name === '') return 'Please fill this in.';
  if (name.length > MAX_LENGTH) return `At most ${MAX_LENGTH} characters, this has ${name.length}.`;
  if (name === '.' || name === '..') return 'A name cannot be “.” or “..”.';
  return ALLOWED.test(name) ? null : 'Only letters A-Z, digits and _ . : - without spaces.';
}

/** The most similar valid name, or null if there is none: “Zoë B.” becomes “Zoe-B.”. */
export function nearest(name) {
  const plain = name.normalize('NFKD').replace(/\p{M}/gu, '').trim();
  const kept = plain.replace(/[^A-Za-z0-9_.:-]+/g, '-').replace(/^-+|-+$/g, '').slice(0, MAX_LENGTH);
  return problemWith(kept) === null ? kept : null;
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
