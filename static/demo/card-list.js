import { Card } from './card.js';

/** Cards for a list of assets, at most `limit` of them. */
export class CardList {
  #list;
  #keys;
  #actions;
  #limit;
  #cards = new Map();

  constructor(list, { keys, actions, limit }) {
    this.#list = list;
    this.#keys = keys;
    this.#actions = actions;
    this.#limit = limit;
    list.replaceChildren();
  }

  /** Draws these assets in this order, with the view `viewOf(state)`. Returns the number left out. */
  draw(assets, viewOf) {
    const shown = assets.slice(0, this.#limit);
    const names = shown.map(({ asset }) => asset);
    const keys = this.#keys.arrange(names);
    this.#drop(new Set(names));
    shown.forEach((state, index) => {
      const card = this.#cards.get(state.asset) ?? this.#add(state.asset);
      const there = this.#list.children[index];
      if (there !== card.element) this.#list.insertBefore(card.element, there ?? null);
      card.draw(state, { ...viewOf(state), key: keys.get(state.asset) ?? '' });
    });
    return assets.length - shown.length;
  }

  /** The asset of the card with this key, if any. */
  assetAt(key) {
    for (const [asset, card] of this.#cards) if (card.key === key) return asset;
  }

  #add(asset) {
    const card = new Card(asset, {
      grab: (name) => this.#actions.grab(name),
      release: (name) => this.#actions.release(name),
    });
    this.#cards.set(asset, card);
    return card;
  }

  #drop(wanted) {
    for (const [asset, card] of this.#cards) {
      if (wanted.has(asset)) continue;
      card.element.remove();
      this.#cards.delete(asset);
    }
  }
}
