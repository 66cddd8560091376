import { byId, make, symbol } from './dom.js';
import { iconOf } from './icons.js';
import { labelOf } from './race.js';

const MAX_SHOWN = 24;

/** All assets this player holds, including those of old races. A click releases one. */
export class Inventory {
  #list = byId('inventory');
  #drawn = '';
  #actions;

  constructor(actions) {
    this.#actions = actions;
  }

  draw(held) {
    const assets = [...held];
    const picture = assets.join();
    if (picture === this.#drawn) return;
    this.#drawn = picture;
    const shown = assets.slice(-MAX_SHOWN).reverse().map((asset) => this.#item(asset));
    if (assets.length > MAX_SHOWN) shown.push(make('li', { class: 'more' }, `and ${assets.length - MAX_SHOWN} more`));
    this.#list.replaceChildren(...shown);
  }

  #item(asset) {
    const label = labelOf(asset);
    const button = make('button', { type: 'button', class: 'item', title: `Release ${label}`, 'aria-label': `Release ${label}` },
      iconOf(label), label, symbol('close'));
    button.dataset.asset = asset;
    button.addEventListener('click', () => this.#actions.release(asset));
    return make('li', {}, button);
  }
}
