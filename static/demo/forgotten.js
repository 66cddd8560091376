import { byId, write } from './dom.js';
import { count } from './format.js';
import { labelOf, sortOut } from './race.js';

const MAX_NAMED = 5;

/** The notice of what a server that came back does not know any more, as one that keeps its rooms in memory alone. */
export class Forgotten {
  #root = byId('notice');
  #text = byId('notice-text');
  #known = new Map();
  #sync;
  #asked = false;
  #others = '';

  /** `sync()` asks for the whole state. */
  constructor({ sync, signal }) {
    this.#sync = sync;
    this.#root.hidden = true;
    byId('notice-close').addEventListener('click', () => { this.#root.hidden = true; }, { signal });
  }

  /** Compares the room's assets with those before, after they were replaced as a whole: by a new Map. */
  replaced(assets, now) {
    if (this.#isInDoubt(assets)) return this.#sync();
    const gone = [...this.#known.values()].filter(({ asset, revision }) => revision > (assets.get(asset)?.revision ?? -1));
    const wentBack = gone.some(({ asset }) => assets.has(asset));
    const [newest] = sortOut(this.#known.values(), now).races;
    const lostNewest = newest && !assets.has(newest.assets[0].asset);
    this.#known = assets;
    this.#others = '';
    if (!wentBack && !lostNewest) return;
    const { races, stock } = sortOut(gone, now);
    const what = [];
    if (races.length > 0) what.push(count(races.length, 'race'));
    if (stock.length > 0) what.push(`the holders of ${count(stock.length, 'asset')}`);
    this.#others = `It forgot ${list(what)}.`;
    this.#show(this.#others);
  }

  /** Adds what this player does not hold any more. */
  lost(assets) {
    const named = assets.slice(0, MAX_NAMED).map((asset) => `the ${labelOf(asset)}`);
    if (assets.length > MAX_NAMED) named.push(`${assets.length - MAX_NAMED} more`);
    this.#show(`You no longer hold ${list(named)}. ${this.#others}`.trim());
  }

  /** True if a state without assets may be the first part of a large one. */
  #isInDoubt(assets) {
    this.#asked = !this.#asked && assets.size === 0 && this.#known.size > 0;
    return this.#asked;
  }

  #show(text) {
    write(this.#text, text);
    this.#root.hidden = false;
  }
}

const list = (items) => (items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`);
