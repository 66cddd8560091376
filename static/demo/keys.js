const DIGITS = '123456789';
const LETTERS = 'abcdefghijklmnopqrstuvwxyz';

/**
 * A race is played on the digits, by place: the places are sorted by name and so the same on every
 * page. They are settled long before the start, because all assets of a race come at once.
 */
export class RaceKeys {
  arrange(assets) {
    return new Map(assets.slice(0, DIGITS.length).map((asset, index) => [asset, DIGITS[index]]));
  }
}

/** The stock is played on the letters. A card keeps its letter as long as it lives, whatever comes before it. */
export class StockKeys {
  #keys = new Map();

  arrange(assets) {
    this.#keys = new Map(assets.map((asset) => [asset, this.#keys.get(asset)]));
    const taken = new Set(this.#keys.values());
    const free = [...LETTERS].filter((key) => !taken.has(key));
    for (const [asset, key] of this.#keys) if (!key) this.#keys.set(asset, free.shift());
    return this.#keys;
  }
}

/** The card key that an event means, or null: none while typing or with a modifier other than Shift. */
export function keyOf(event) {
  if (event.repeat || event.ctrlKey || event.altKey || event.metaKey) return null;
  if (event.target.closest?.('input:not([type=checkbox]), textarea, select, [contenteditable]')) return null;
  // By position for digits: on some layouts they are typed with Shift, which here means release.
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code);
  if (digit) return digit[1];
  return /^[a-z]$/i.test(event.key) ? event.key.toLowerCase() : null;
}
