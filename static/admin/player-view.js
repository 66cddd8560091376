import { make, write } from '../demo/dom.js';
import { count } from '../demo/format.js';
import { path } from './api.js';
import { small } from './asset-list.js';
import { endsIn, expiry } from './holder-list.js';
import { playerLink, roomLink } from './links.js';
import { messageOf } from './poll.js';
import { number, Table } from './table.js';
import { clockTime } from './time.js';

/** Rooms that are searched by one request. */
const SEARCHED = 500;
/** Rows after which the search waits to be continued. */
const ROWS = 200;
const TICK_MS = 1000;
const NOBODY = 'Name a player to see where it is connected and what it holds, in the rooms that this node has loaded.';
const COLUMNS = [
  { title: 'Room' }, { title: 'Asset', class: 'long' }, { title: 'Since', class: 'wide when' }, { title: 'Ends in', class: 'number' },
];

/** Where a player is connected on this node, and what the player holds in the rooms that the node has loaded. */
export class PlayerView {
  title = 'Players';
  #api;
  #actions;
  #player;
  #rows = [];
  #searched = 0;
  /** Ends the search under way. */
  #stop = new AbortController();
  #end = new AbortController();
  #ticks = 0;
  #problem = make('p', { class: 'problem', role: 'alert' });
  #said = make('p', { class: 'hint', role: 'status' });
  #more = make('button', { type: 'button', class: 'plain', hidden: true }, 'Search on');
  #table;

  constructor({ api, actions, node }, player) {
    this.#api = api;
    this.#actions = actions;
    this.#player = player;
    const columns = actions ? [...COLUMNS, { title: 'Actions' }] : COLUMNS;
    this.#table = new Table({ label: 'Rooms and holdings', columns, row: (key) => this.#row(key) });
    this.#table.element.hidden = true;
    const title = player === '' ? 'Players' : player;
    if (player !== '') this.title = player;
    const head = [make('h1', { tabIndex: -1 }, title), this.#form()];
    if (player !== '' && actions && node.verifies_tokens) head.push(this.#revoke());
    this.element = make('section', { class: 'view' }, make('div', { class: 'view-head' }, ...head), this.#problem,
      make('div', { class: 'panel' }, this.#said, this.#table.element, this.#more));
    if (player === '') write(this.#said, NOBODY);
    else this.#begin();
  }

  leave() {
    this.#stop.abort();
    this.#end.abort();
    clearInterval(this.#ticks);
  }

  #begin() {
    const { signal } = this.#end;
    this.#search(undefined);
    this.#actions?.addEventListener('done', () => this.#search(undefined), { signal });
    this.#ticks = setInterval(() => this.#draw(), TICK_MS);
  }

  #form() {
    const input = make('input', {
      id: 'player-name', type: 'search', autocomplete: 'off', autocapitalize: 'none', spellcheck: false, maxlength: '128',
      value: this.#player,
    });
    const button = make('button', { type: 'submit', class: 'plain' }, 'Find');
    const form = make('form', { class: 'filter' }, make('label', { for: 'player-name' }, 'Player'), input, button);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const link = playerLink(input.value.trim());
      if (location.hash === link) dispatchEvent(new HashChangeEvent('hashchange'));
      else location.hash = link;
    });
    return form;
  }

  #revoke() {
    const button = make('button', { type: 'button', class: 'plain' }, 'Revoke tokens');
    button.addEventListener('click', () => this.#actions.revoke(this.#player));
    return button;
  }

  /** Searches the rooms after one, or all of them anew. */
  async #search(after) {
    this.#stop.abort();
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    this.#more.hidden = true;
    write(this.#problem, '');
    if (after === undefined) this.#searched = 0;
    let rows = [];
    try {
      let next = after;
      do {
        const page = await this.#api.get(path('players', this.#player), { after: next, limit: SEARCHED });
        if (signal.aborted) return;
        next = page.next_after ?? undefined;
        this.#searched += page.searched;
        rows = [...rows, ...rowsOf(page)];
        this.#rows = rows;
        this.#draw();
        write(this.#said, this.#found(next !== undefined));
      } while (next !== undefined && this.#rows.length < ROWS);
      this.#more.hidden = next === undefined;
      this.#more.onclick = () => this.#search(next);
    } catch (error) {
      const refusal = messageOf(error);
      if (signal.aborted) return;
      write(this.#said, '');
      write(this.#problem, refusal);
    }
  }

  #draw() {
    this.#table.element.hidden = this.#rows.length === 0;
    this.#table.draw(this.#rows, ({ key }) => key);
  }

  #found(goesOn) {
    const rooms = new Set(this.#rows.map(({ room }) => room)).size;
    const held = this.#rows.filter(({ holding }) => holding !== null).length;
    const so = `${count(this.#searched, 'room')} searched: here or holding in ${number(rooms)}, ${count(held, 'unit')} held`;
    return goesOn ? `${so} so far.` : `${so}.`;
  }

  #row(key) {
    const [room, asset] = JSON.parse(key);
    const here = make('small');
    const [what, since, ends] = COLUMNS.slice(1).map((column) => make('td', { class: column.class }));
    const cells = [make('th', { scope: 'row' }, make('a', { href: roomLink(room) }, room), here), what, since, ends];
    if (this.#actions) {
      const kick = small('Kick', `${this.#player} from ${room}`, () => this.#actions.kick(room, this.#player));
      const buttons = make('div', { class: 'buttons' }, kick);
      if (asset !== null) {
        buttons.prepend(small('Release', `${asset} in ${room}`, () => this.#actions.release(room, asset, this.#player)));
      }
      cells.push(make('td', {}, buttons));
    }
    const fill = ({ connections, holding, expiresAt }) => {
      write(here, connections > 0 ? count(connections, 'connection') : '');
      write(what, asset ?? 'nothing');
      write(since, holding ? clockTime(holding.at) : '');
      write(ends, holding ? endsIn(expiresAt) : '');
    };
    return { cells, fill };
  }
}

/** A row for each holding of a page, and one for each room where the player only is. */
function rowsOf({ rooms }) {
  return rooms.flatMap(({ room, connections, held }) => (held.length ? held : [null]).map((holding) => ({
    key: JSON.stringify([room, holding?.asset ?? null]), room, connections, holding, expiresAt: holding && expiry(holding),
  })));
}
