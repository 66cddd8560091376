import { make, write } from '../demo/dom.js';
import { path } from './api.js';
import { playerLink } from './links.js';
import { messageOf } from './poll.js';
import { number, Pager, SHORT_PAGE, Table } from './table.js';
import { clockTime } from './time.js';

/** The most that one answer has. */
const READ_AT_ONCE = 1000;
const COLUMNS = [{ title: 'When' }, { title: 'What' }, { title: 'Player' }, { title: 'Left', class: 'number' }];

/** What happened to an asset, the newest first. Read on request: the server has it from the oldest on. */
export class HistoryList {
  #room;
  #api;
  #asset = null;
  /** Null until they are read. */
  #events = null;
  #page = 0;
  #title = make('h2');
  #problem = make('p', { class: 'problem', role: 'alert' });
  #load = make('button', { type: 'button', class: 'plain small' }, 'Show');
  #table = new Table({ label: 'History', columns: COLUMNS, row: () => this.#row() });
  #empty = make('p', { class: 'empty' }, 'Nothing is known of it.');
  #pager = new Pager('Pages of changes', (step) => {
    this.#page += step;
    this.#paint();
  });

  constructor({ room, api }) {
    this.#room = room;
    this.#api = api;
    this.#load.addEventListener('click', () => this.#read(this.#asset));
    this.element = make('section', { class: 'panel', hidden: true },
      make('div', { class: 'section-head' }, this.#title, this.#load),
      this.#problem, this.#table.element, this.#empty, this.#pager.element);
  }

  /** `asset`: the name of the selected one, null if there is none. */
  draw(asset) {
    if (asset === this.#asset) return;
    this.#asset = asset;
    this.element.hidden = asset === null;
    if (asset !== null) write(this.#title, `History of ${asset}`);
    this.#show(null);
  }

  async #read(asset) {
    const events = [];
    try {
      let after;
      do {
        const query = { after, limit: READ_AT_ONCE };
        const page = await this.#api.get(path('rooms', this.#room, 'assets', asset, 'history'), query);
        events.push(...page.events);
        after = page.next;
      } while (after !== null && asset === this.#asset);
    } catch (error) {
      if (asset === this.#asset) write(this.#problem, messageOf(error));
      return;
    }
    if (asset === this.#asset) this.#show(events.reverse());
  }

  #show(events) {
    this.#events = events;
    this.#page = 0;
    write(this.#problem, '');
    write(this.#load, events === null ? 'Show' : 'Read again');
    this.#paint();
  }

  #paint() {
    const events = this.#events ?? [];
    const from = this.#page * SHORT_PAGE;
    const shown = events.slice(from, from + SHORT_PAGE);
    this.#table.draw(shown, ({ id }) => id);
    this.#table.element.hidden = shown.length === 0;
    this.#empty.hidden = this.#events === null || events.length > 0;
    const hasNext = from + SHORT_PAGE < events.length;
    this.#pager.element.hidden = events.length === 0;
    this.#pager.draw({ from, shown: shown.length, total: events.length, hasNext, noun: 'change' });
  }

  #row() {
    const [when, what, left] = [make('td', { class: 'when' }), make('td', { class: 'what' }), make('td', { class: 'number left' })];
    const who = make('td', { class: 'long' });
    const fill = (event) => {
      write(when, clockTime(event.at));
      write(what, told(event));
      write(left, `${number(event.remaining)} of ${number(event.units)}`);
      const { player } = event;
      who.replaceChildren(...(player === undefined ? [] : [make('a', { href: playerLink(player) }, player)]));
    };
    return { cells: [when, what, who, left], fill };
  }
}

/** What happened, why, and by whom if no player did it. */
function told({ type, reason, hold, by, first_revision: first, revision }) {
  const what = type === 'compacted' ? `revisions ${first} to ${revision}, merged` : type;
  const more = [hold ? 'hold' : '', reason === undefined || reason === type ? '' : reason, by === undefined ? '' : `by ${by}`];
  return [what, ...more.filter((part) => part !== '')].join(', ');
}
