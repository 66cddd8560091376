import { byId, make } from './dom.js';

/** Maximum lines drawn, and lines buffered for the next frame. */
const MAX_LINES = 60;

/** The live feed, newest first. In a flood only the newest lines are drawn. */
export class Feed {
  #list = byId('feed');
  #waiting = [];
  #paint;

  constructor(paint) {
    this.#paint = paint;
    this.#list.replaceChildren();
  }

  /** Adds a line. `kind` sets its colour (won, missed, grant, release, asset, people, start, trouble). */
  add(kind, icon, ...content) {
    this.#waiting.push({ kind, icon, content, time: new Date() });
    if (this.#waiting.length > MAX_LINES) this.#waiting.shift();
    this.#paint();
  }

  draw() {
    if (this.#waiting.length === 0) return;
    this.#list.prepend(...this.#waiting.reverse().map(line));
    this.#waiting = [];
    while (this.#list.children.length > MAX_LINES) this.#list.lastElementChild.remove();
  }
}

function line({ kind, icon, content, time }) {
  const clock = time.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });
  const element = make('p', { class: 'line' },
    make('span', { class: 'line-icon' }, icon),
    make('span', { class: 'line-text' }, ...content),
    make('time', {}, clock));
  element.dataset.kind = kind;
  return element;
}
