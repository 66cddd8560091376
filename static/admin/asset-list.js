import { make, write } from '../demo/dom.js';
import { span } from './time.js';
import { number, PAGE, Pager, Table } from './table.js';

const COLUMNS = [
  { title: 'Asset' },
  { title: 'Left', class: 'number' },
  { title: 'Held', class: 'number' },
  { title: 'Revision', class: 'number wide' },
];
const TERMS = { holdMs: 'hold', grantMs: 'grant', leaveMs: 'leave', cooldownMs: 'cooldown', forMs: 'reserved' };

/** The assets of a room, in pages. `select(asset)` shows the holders of one. */
export class AssetList {
  #room;
  #actions;
  #select;
  #page = 0;
  #assets = new Map();
  #selected = null;
  #table;
  #filter = make('input', { id: 'asset-filter', type: 'search', autocomplete: 'off', spellcheck: false, maxlength: '64' });
  #search = make('div', { class: 'filter' }, make('label', { for: 'asset-filter' }, 'Name has'), this.#filter);
  #empty = make('p', { class: 'empty' });
  #pager = new Pager('Pages of assets', (step) => this.#turn(this.#page + step));

  constructor({ room, actions, select }) {
    this.#room = room;
    this.#actions = actions;
    this.#select = select;
    const columns = actions ? [...COLUMNS, { title: 'Actions' }] : COLUMNS;
    this.#table = new Table({ label: 'Assets', columns, row: (asset) => this.#row(asset) });
    this.#filter.addEventListener('input', () => this.#turn(0));
    this.element = make('section', { class: 'panel' },
      make('div', { class: 'section-head' }, make('h2', {}, 'Assets'), this.#search),
      this.#table.element, this.#empty, this.#pager.element);
  }

  draw(assets, selected) {
    this.#assets = assets;
    this.#selected = selected;
    const wanted = this.#filter.value.trim();
    const names = [...assets.keys()].filter((name) => name.includes(wanted)).sort();
    this.#page = Math.min(this.#page, Math.max(0, Math.ceil(names.length / PAGE) - 1));
    const from = this.#page * PAGE;
    const shown = names.slice(from, from + PAGE).map((name) => assets.get(name));
    this.#table.draw(shown, ({ asset }) => asset);
    this.#search.hidden = assets.size <= PAGE;
    this.#table.element.hidden = shown.length === 0;
    this.#empty.hidden = shown.length > 0;
    write(this.#empty, wanted === '' ? 'This room has no assets.' : `No asset has ${wanted} in its name.`);
    this.#pager.draw({ from, shown: shown.length, total: names.length, hasNext: from + PAGE < names.length, noun: 'asset' });
  }

  /** Gives the focus back to an asset that was selected. */
  focus(asset) {
    const buttons = [...this.element.querySelectorAll('.pick')];
    (buttons.find(({ textContent }) => textContent === asset) ?? this.#table.element).focus();
  }

  #turn(page) {
    this.#page = page;
    this.draw(this.#assets, this.#selected);
  }

  #row(asset) {
    const pick = make('button', { type: 'button', class: 'pick', 'aria-pressed': 'false' }, asset);
    const terms = make('small');
    const [left, held, revision] = COLUMNS.slice(1).map((column) => make('td', { class: column.class }));
    let state = null;
    pick.addEventListener('click', () => this.#select(this.#selected === asset ? null : asset));
    const cells = [make('th', { scope: 'row' }, pick, terms), left, held, revision];
    if (this.#actions) {
      cells.push(make('td', {}, make('div', { class: 'buttons' },
        small('Restock', asset, () => this.#actions.restock(this.#room, asset)),
        small('Remove', asset, () => this.#actions.removeAsset(this.#room, asset, state.held)))));
    }
    const fill = (item) => {
      const pressed = String(this.#selected === asset);
      if (pick.getAttribute('aria-pressed') !== pressed) pick.setAttribute('aria-pressed', pressed);
      if (state === item) return;
      state = item;
      terms.replaceChildren(...termsOf(item.options));
      write(left, `${number(item.remaining)} of ${number(item.units)}`);
      write(held, number(item.held));
      write(revision, number(item.revision));
    };
    return { cells, fill };
  }
}

/** A small button of a row, which says to whom it belongs. */
export function small(text, subject, act) {
  const button = make('button', { type: 'button', class: 'plain small', 'aria-label': `${text} ${subject}` }, text);
  button.addEventListener('click', act);
  return button;
}

const termsOf = (options = {}) => Object.entries(TERMS).filter(([key]) => options[key] !== undefined)
  .flatMap(([key, word], index) => [index > 0 ? ' · ' : '', make('span', { class: 'whole' }, `${word} ${span(options[key])}`)]);
