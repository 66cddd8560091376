import { make, write } from '../demo/dom.js';
import { path } from './api.js';
import { small } from './asset-list.js';
import { playerLink } from './links.js';
import { every } from './poll.js';
import { Pager, SHORT_PAGE, Table } from './table.js';

const POLL_MS = 3000;
const COLUMNS = [{ title: 'Player' }, { title: 'Shown as' }];

/**
 * The players in a room. A small room's frames have their names; of a large one they are read in pages over HTTP, every few
 * seconds.
 */
export class MemberList {
  #room;
  #api;
  #actions;
  /** The room as it was drawn last. */
  #drawn = null;
  #isNamed = true;
  /** Where the pages up to this one begin. */
  #pages = [undefined];
  #next = null;
  #read = [];
  #end = null;
  #problem = make('p', { class: 'problem', role: 'alert' });
  #empty = make('p', { class: 'empty' }, 'Nobody is here.');
  #table;
  #pager = new Pager('Pages of players', (step) => this.#turn(step));

  constructor({ room, api, actions }) {
    this.#room = room;
    this.#api = api;
    this.#actions = actions;
    const columns = actions ? [...COLUMNS, { title: 'Actions' }] : COLUMNS;
    this.#table = new Table({ label: 'Players', columns, row: (player) => this.#row(player) });
    const head = make('div', { class: 'section-head' }, make('h2', {}, 'Players'));
    if (actions) {
      const kick = make('button', { type: 'button', class: 'plain small' }, 'Kick…');
      kick.setAttribute('aria-label', 'Kick a player by name');
      kick.addEventListener('click', () => actions.kick(room));
      head.append(kick);
    }
    this.element = make('section', { class: 'panel' },
      head, this.#problem, this.#table.element, this.#empty, this.#pager.element);
  }

  leave() {
    this.#end?.();
    this.#end = null;
  }

  draw(drawn) {
    this.#drawn = drawn;
    const { players, names } = drawn;
    const isNamed = players.names.length === players.count;
    if (isNamed !== this.#isNamed) this.#pages = [undefined];
    this.#isNamed = isNamed;
    if (isNamed) this.leave();
    else this.#end ??= every(POLL_MS, (isOver) => this.#load(isOver), this.#problem);
    if (isNamed && players.count <= (this.#pages.length - 1) * SHORT_PAGE) this.#pages = [undefined];
    const from = (this.#pages.length - 1) * SHORT_PAGE;
    const all = isNamed ? [...players.names].sort() : null;
    const shown = isNamed ? all.slice(from, from + SHORT_PAGE).map((player) => ({ player, name: names.get(player) })) : this.#read;
    const hasNext = isNamed ? from + SHORT_PAGE < all.length : this.#next !== null;
    this.#table.draw(shown, ({ player }) => player);
    this.#table.element.hidden = shown.length === 0;
    this.#empty.hidden = players.count > 0;
    this.#pager.draw({ from, shown: shown.length, total: players.count, hasNext, noun: 'player' });
  }

  #turn(step) {
    if (step < 0) this.#pages.pop();
    else this.#pages.push(this.#isNamed ? undefined : this.#next);
    this.leave();
    this.draw(this.#drawn);
  }

  async #load(isOver) {
    const page = await this.#api.get(path('rooms', this.#room, 'players'), { after: this.#pages.at(-1), limit: SHORT_PAGE });
    if (isOver()) return;
    this.#next = page.next_after;
    this.#read = page.players;
    this.draw(this.#drawn);
  }

  #row(player) {
    const name = make('td', { class: 'long' });
    const cells = [make('th', { scope: 'row' }, make('a', { href: playerLink(player) }, player)), name];
    if (this.#actions) cells.push(make('td', {}, small('Kick', player, () => this.#actions.kick(this.#room, player))));
    return { cells, fill: (item) => write(name, item.name ?? '') };
  }
}
