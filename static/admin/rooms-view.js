import { make, write } from '../demo/dom.js';
import { path } from './api.js';
import { roomLink } from './links.js';
import { every } from './poll.js';
import { number, PAGE, Pager, Table } from './table.js';

const POLL_MS = 2000;
const NAME = /^[A-Za-z0-9_.:-]{1,64}$/;
const COLUMNS = [
  { title: 'Room', order: 'name' },
  { title: 'Players', class: 'number', order: 'players', down: true },
  { title: 'Members', class: 'number wide' },
  { title: 'Assets', class: 'number wide' },
  { title: 'Selects/s', class: 'number', order: 'selects', down: true },
];

/** The rooms that the node has loaded, by name, players or selects per second. */
export class RoomsView {
  title = 'Rooms';
  #api;
  /** The prefix, the order and where the pages up to this one begin: kept while another view is shown. */
  #place;
  #next = null;
  #end = () => {};
  #problem = make('p', { class: 'problem', role: 'alert' });
  #empty = make('p', { class: 'empty', hidden: true });
  #filter = make('input', { id: 'prefix', type: 'search', autocomplete: 'off', spellcheck: false, maxlength: '64', autocapitalize: 'none' });
  #table = new Table({ label: 'Rooms', columns: COLUMNS, row: (room) => this.#row(room), sort: (order) => this.#sort(order) });
  #pager = new Pager('Pages of rooms', (step) => this.#turn(step));

  constructor({ api, kept }) {
    this.#api = api;
    this.#place = kept.rooms ??= { prefix: '', order: 'players', pages: [undefined] };
    this.#filter.value = this.#place.prefix;
    this.#filter.addEventListener('input', () => this.#go({ prefix: this.#filter.value.trim() }));
    this.element = make('section', { class: 'view' },
      make('div', { class: 'view-head' }, make('h1', { tabIndex: -1 }, 'Rooms'),
        make('p', { class: 'hint' }, 'Loaded on this node; others have their own.'),
        make('div', { class: 'filter' }, make('label', { for: 'prefix' }, 'Name begins with'), this.#filter)),
      this.#problem, make('div', { class: 'panel' }, this.#table.element, this.#empty, this.#pager.element));
    this.#poll();
  }

  leave() {
    this.#end();
  }

  #sort(order) {
    this.#go({ order });
  }

  #go(change) {
    Object.assign(this.#place, change, { pages: [undefined] });
    this.#poll();
  }

  #turn(step) {
    const { pages } = this.#place;
    if (step < 0) pages.pop();
    else pages.push(this.#next);
    this.#poll();
  }

  #poll() {
    this.#end();
    this.#table.sortedBy(this.#place.order);
    this.#end = every(POLL_MS, (isOver) => this.#load(isOver), this.#problem);
  }

  async #load(isOver) {
    const { prefix, order, pages } = this.#place;
    const page = await this.#api.get(path('rooms'), { prefix, order, after: pages.at(-1), limit: PAGE });
    if (!isOver()) this.#draw(page);
  }

  #draw({ rooms, total, next_after: next }) {
    const { prefix, pages } = this.#place;
    this.#next = next;
    this.#table.draw(rooms, ({ room }) => room);
    this.#table.element.hidden = rooms.length === 0;
    this.#empty.hidden = rooms.length > 0;
    if (rooms.length === 0) this.#empty.replaceChildren(...emptiness(prefix));
    this.#pager.draw({ from: (pages.length - 1) * PAGE, shown: rooms.length, total, hasNext: next !== null, noun: 'room' });
  }

  #row(room) {
    const [players, members, assets, selects] = COLUMNS.slice(1).map((column) => make('td', { class: column.class }));
    const cells = [make('th', { scope: 'row' }, make('a', { href: roomLink(room) }, room)), players, members, assets, selects];
    const fill = (item) => {
      write(players, number(item.players));
      write(members, number(item.members));
      write(assets, number(item.assets));
      write(selects, number(item.selects_per_second));
    };
    return { cells, fill };
  }
}

function emptiness(prefix) {
  if (prefix === '') return ['No room is loaded. One is as soon as a player joins it.'];
  const none = `No loaded room begins with ${prefix}. `;
  return NAME.test(prefix) ? [none, make('a', { href: roomLink(prefix) }, `Open the room ${prefix}`)] : [none];
}
