import { avatar } from './avatar.js';
import { byId, make, symbol, write } from './dom.js';
import { nameOf } from './names.js';

const MAX_SHOWN = 40;

/** The players in the room and their number of units, most first. This page's bots can be removed. */
export class People {
  #list = byId('people');
  #count = byId('people-count');
  #drawn = '';
  #player;
  #bots;

  constructor({ player, bots }) {
    this.#player = player;
    this.#bots = bots;
  }

  draw({ count, names }, assets) {
    const held = heldBy(assets);
    // A large room reports no names, so only this player and its bots are known.
    const known = names.length || count === 0 ? names : [this.#player, ...this.#bots.names];
    const rows = known.map((name) => ({ name, shown: nameOf(name), held: held.get(name) ?? 0, bot: this.#bots.has(name) }))
      .sort((a, b) => b.held - a.held || (a.name < b.name ? -1 : 1));
    const picture = JSON.stringify([rows, count]);
    if (picture === this.#drawn) return;
    this.#drawn = picture;
    write(this.#count, count.toLocaleString('en'));
    byId('alone').hidden = count !== 1;
    this.#rebuild(rows, count);
  }

  #rebuild(rows, count) {
    const focused = document.activeElement?.dataset.bot;
    const shown = rows.slice(0, MAX_SHOWN).map((row) => this.#line(row));
    const more = count - shown.length;
    if (more > 0) shown.push(make('li', { class: 'more' }, `and ${more.toLocaleString('en')} more`));
    this.#list.replaceChildren(...shown);
    if (focused) this.#list.querySelector(`[data-bot="${focused}"]`)?.focus();
  }

  #line({ name, shown, held, bot }) {
    const line = make('li', { title: name }, avatar(name), make('span', { class: 'name' }, shown));
    line.dataset.player = name;
    if (name === this.#player) line.append(make('span', { class: 'tag' }, 'you'));
    if (held) line.append(make('span', { class: 'held', title: `holds ${held}` }, String(held)));
    if (bot) line.append(this.#removal(name));
    return line;
  }

  #removal(name) {
    const button = make('button', { type: 'button', class: 'quiet', 'aria-label': `Remove ${name}` }, symbol('close'));
    button.dataset.bot = name;
    button.addEventListener('click', () => this.#bots.remove(name));
    return button;
  }
}

function heldBy(assets) {
  const held = new Map();
  for (const { holders } of assets.values()) {
    for (const { player } of holders) held.set(player, (held.get(player) ?? 0) + 1);
  }
  return held;
}
