const DIGITS = '123456789';
const LETTERS = 'abcdefghijklmnopqrstuvwxyz';

/**
 * Digits for the assets of a race, in order of their names, so that they are the same on every page. They are settled
 * long before the start, because all assets of a race are created together.
 */
export class RaceKeys {
  arrange(assets) {
    return new Map(assets.slice(0, DIGITS.length).map((asset, index) => [asset, DIGITS[index]]));
  }
}

/** Letters for the stock. A card keeps its letter as long as it exists, whatever is sorted before it. */
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

/** True if this page has shown that there is a keyboard: its user has a mouse, or has pressed the key of a card. */
export const hasKeyboard = () => 'keyboard' in document.body.dataset;

/** Marks the page as one with a keyboard, once that is known. Key hints are shown only there. */
export function watchForKeyboard() {
  const found = () => { document.body.dataset.keyboard = ''; };
  if (matchMedia('(hover: hover) and (pointer: fine)').matches) return found();
  const listen = (event) => {
    if (!keyOf(event)) return;
    found();
    document.removeEventListener('keydown', listen);
  };
  document.addEventListener('keydown', listen);
}

/** The card key of an event, or null while typing or with a modifier other than Shift. */
export function keyOf(event) {
  if (event.repeat || event.ctrlKey || event.altKey || event.metaKey) return null;
  if (event.target.closest?.('input:not([type=checkbox]), textarea, select, [contenteditable]')) return null;
  // Digits by key position: some layouts need Shift for them, but here Shift means release.
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code);
  if (digit) return digit[1];
  return /^[a-z]$/i.test(event.key) ? event.key.toLowerCase() : null;
}
