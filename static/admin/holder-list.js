import { make, write } from '../demo/dom.js';
import { path } from './api.js';
import { small } from './asset-list.js';
import { playerLink } from './links.js';
import { every } from './poll.js';
import { Pager, SHORT_PAGE, Table } from './table.js';
import { clockTime, span } from './time.js';

const POLL_MS = 2000;
const COLUMNS = [{ title: 'Player' }, { title: 'Since' }, { title: 'Ends in', class: 'number' }];

/**
 * Who holds an asset. The first holders come with the frames of the room; where there are more, all are read in pages over
 * HTTP, every other second.
 */
export class HolderList {
  #room;
  #api;
  #actions;
  #asset = null;
  /** Where the pages up to this one begin: after a revision. */
  #pages = [undefined];
  #next = null;
  /** The holders of this page, if they are read over HTTP. */
  #read = null;
  #end = null;
  #title = make('h2', { tabIndex: -1 });
  #problem = make('p', { class: 'problem', role: 'alert' });
  #empty = make('p', { class: 'empty' }, 'Nobody holds it.');
  #table;
  #pager = new Pager('Pages of holders', (step) => this.#turn(step));

  constructor({ room, api, actions, close }) {
    this.#room = room;
    this.#api = api;
    this.#actions = actions;
    const columns = actions ? [...COLUMNS, { title: 'Actions' }] : COLUMNS;
    this.#table = new Table({ label: 'Holders', columns, row: (player) => this.#row(player) });
    const shut = make('button', { type: 'button', class: 'plain small' }, 'Close');
    shut.addEventListener('click', close);
    this.element = make('section', { class: 'panel', hidden: true },
      make('div', { class: 'section-head' }, this.#title, shut), this.#problem, this.#table.element, this.#empty, this.#pager.element);
  }

  /** Brings the list into sight, because on a phone it is below the assets. */
  show() {
    this.#title.focus({ preventScroll: true });
    this.#title.scrollIntoView({ block: 'nearest' });
  }

  leave() {
    this.#stop();
  }

  /** `asset`: its state in the room, null if none is selected. */
  draw(asset) {
    this.element.hidden = asset === null;
    if (asset?.asset !== this.#asset?.asset) this.#restart();
    this.#asset = asset;
    if (asset === null) return;
    write(this.#title, `Holders of ${asset.asset}`);
    const isWhole = asset.held <= asset.holders.length;
    if (isWhole) this.#restart();
    else this.#end ??= every(POLL_MS, (isOver) => this.#load(isOver), this.#problem);
    const holders = isWhole ? asset.holders : this.#read ?? asset.holders;
    const from = (this.#pages.length - 1) * SHORT_PAGE;
    this.#table.draw(holders, ({ player }) => player);
    this.#table.element.hidden = holders.length === 0;
    this.#empty.hidden = holders.length > 0;
    const hasNext = !isWhole && this.#next !== null && from + holders.length < asset.held;
    this.#pager.draw({ from, shown: holders.length, total: asset.held, hasNext, noun: 'holder' });
  }

  #turn(step) {
    if (step < 0) this.#pages.pop();
    else this.#pages.push(this.#next);
    this.#stop();
    this.draw(this.#asset);
  }

  #restart() {
    this.#stop();
    this.#pages = [undefined];
    this.#read = null;
    write(this.#problem, '');
  }

  #stop() {
    this.#end?.();
    this.#end = null;
  }

  async #load(isOver) {
    const { asset } = this.#asset;
    const query = { after: this.#pages.at(-1), limit: SHORT_PAGE };
    const page = await this.#api.get(path('rooms', this.#room, 'assets', asset, 'holders'), query);
    if (isOver()) return;
    this.#next = page.next_after;
    this.#read = page.holders.map((holder) => ({ ...holder, expiresAt: expiry(holder) }));
    this.draw(this.#asset);
  }

  #row(player) {
    const since = make('td', { class: 'when' });
    const ends = make('td', { class: 'number' });
    const cells = [make('th', { scope: 'row' }, make('a', { href: playerLink(player) }, player)), since, ends];
    if (this.#actions) {
      cells.push(make('td', {}, small('Release', player, () => this.#actions.release(this.#room, this.#asset.asset, player))));
    }
    const fill = ({ at, expiresAt }) => {
      write(since, clockTime(at));
      write(ends, endsIn(expiresAt));
    };
    return { cells, fill };
  }
}

/** When a grant ends that was read just now, by the clock of `performance.now()`; undefined if it does not end by itself. */
export const expiry = ({ ttl_ms: ttl }) => (ttl === undefined ? undefined : performance.now() + ttl);

/** How long a grant lasts that ends at this time of `performance.now()`. */
export const endsIn = (expiresAt) => (expiresAt === undefined ? 'never' : span(expiresAt - performance.now()));
