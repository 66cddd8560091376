import { byId, enable, make, onPress, write } from '../demo/dom.js';
import { count } from '../demo/format.js';

/** The rows of a page of a list, and of one of two lists that are beside others. */
export const PAGE = 50;
export const SHORT_PAGE = 25;

/**
 * A table. `columns`: title, and optionally class and order, by which a press sorts. `row(key)` makes the cells of a row and
 * returns them with `fill(item)`. A row is kept while its key is on the page, so that what has the focus keeps it.
 */
export class Table {
  #row;
  #rows = new Map();
  #body = make('tbody');
  #heads = new Map();

  constructor({ label, columns, row, sort }) {
    this.#row = row;
    const heads = columns.map((column) => this.#head(column, sort));
    const caption = make('caption', { class: 'offscreen' }, label);
    const table = make('table', {}, caption, make('thead', {}, make('tr', {}, ...heads)), this.#body);
    // Scrolls by itself where it is too wide, and so must be reached by the keyboard.
    this.element = make('div', { class: 'table', role: 'region', 'aria-label': label, tabindex: '0' }, table);
  }

  /** Shows which column sorts the rows. */
  sortedBy(order) {
    for (const [of, { head, down }] of this.#heads) {
      if (of === order) head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
      else head.removeAttribute('aria-sort');
    }
  }

  /** Draws the rows of these items, each known by `key(item)`. */
  draw(items, key) {
    const focused = document.activeElement;
    const hadFocus = this.#body.contains(focused);
    const rows = new Map(items.map((item) => [key(item), this.#rows.get(key(item)) ?? this.#make(key(item))]));
    for (const [name, { element }] of this.#rows) if (!rows.has(name)) element.remove();
    this.#rows = rows;
    items.forEach((item, index) => {
      const row = rows.get(key(item));
      row.fill(item);
      const there = this.#body.children[index];
      if (there !== row.element) this.#body.insertBefore(row.element, there ?? null);
    });
    if (!hadFocus || focused === document.activeElement) return;
    // Its row was moved, or is gone.
    if (this.#body.contains(focused)) focused.focus({ preventScroll: true });
    else (items.length > 0 ? this.element : byId('main')).focus({ preventScroll: true });
  }

  #make(key) {
    const { cells, fill } = this.#row(key);
    return { element: make('tr', {}, ...cells), fill };
  }

  #head({ title, class: style = '', order, down = false }, sort) {
    if (!order) return make('th', { scope: 'col', class: style }, title);
    const button = make('button', { type: 'button', class: 'sort' }, title);
    button.addEventListener('click', () => sort(order));
    const head = make('th', { scope: 'col', class: style }, button);
    this.#heads.set(order, { head, down });
    return head;
  }
}

/** Turns the pages of a list. `turn(step)` is called with -1 or 1. */
export class Pager {
  #text = make('span', { class: 'hint', role: 'status' });
  #previous = make('button', { type: 'button', class: 'plain' }, 'Previous');
  #next = make('button', { type: 'button', class: 'plain' }, 'Next');

  constructor(label, turn) {
    onPress(this.#previous, () => turn(-1));
    onPress(this.#next, () => turn(1));
    this.element = make('nav', { class: 'pager', 'aria-label': label }, this.#text, this.#previous, this.#next);
  }

  /** `from`: the number of items before this page; `total`: null if unknown. */
  draw({ from, shown, total, hasNext, noun }) {
    const range = from === 0 && !hasNext ? count(shown, noun) : `${number(from + 1)}–${number(from + shown)}`;
    const of = total !== null && (from > 0 || hasNext) ? ` of ${count(total, noun)}` : '';
    write(this.#text, shown === 0 && from > 0 ? 'nothing more' : range + of);
    enable(this.#previous, from > 0);
    enable(this.#next, hasNext);
    this.#previous.hidden = this.#next.hidden = from === 0 && !hasNext;
  }
}

export const number = (value) => value.toLocaleString('en');
