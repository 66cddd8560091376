const DIGITS = [...'123456789'];
const LETTERS = [...'abcdefghijklmnopqrstuvwxyz'];

/** Gives cards their keys. A card keeps its key as long as it lives: a key must not change under a finger. */
export class Keys {
  #free;
  #keys = new Map();

  constructor(free) {
    this.#free = free;
  }

  /** A race is played on the digits. */
  static digits = () => new Keys(DIGITS);
  /** The stock of the room is played on the letters. */
  static letters = () => new Keys(LETTERS);

  /** Gives the asset the first free key, or none when all are taken. */
  take(asset) {
    const key = this.#free.find((each) => !this.#keys.has(each));
    if (key) this.#keys.set(key, asset);
    return key ?? '';
  }

  free(key) {
    this.#keys.delete(key);
  }

  /** The asset that has this key, if any. */
  assetAt(key) {
    return this.#keys.get(key);
  }
}

/** The card key that an event means, or null: none while typing or with a modifier other than Shift. */
export function keyOf(event) {
  if (event.repeat || event.ctrlKey || event.altKey || event.metaKey) return null;
  if (event.target.closest?.('input, textarea, select, dialog, [contenteditable]')) return null;
  // By position for digits: on some layouts they are typed with Shift, which here means release.
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code);
  if (digit) return digit[1];
  return /^[a-z]$/i.test(event.key) ? event.key.toLowerCase() : null;
}
