import { Bot } from './bot.js';
import { byId, write } from './dom.js';

/** Browsers allow some hundred sockets per server; twenty rivals are plenty for one page. */
const MAX_BOTS = 20;
const NAMES = [
  'ada', 'bit', 'cog', 'dot', 'echo', 'flux', 'glitch', 'hex', 'ion', 'jolt', 'kilo', 'lag', 'meg', 'nano', 'opal',
  'pixel', 'quark', 'rust', 'sonic', 'turbo', 'ultra', 'volt', 'warp', 'xeno', 'yotta', 'zap',
];

/** The bots that this page has brought along, and the buttons for them. */
export class Bots {
  #bots = new Map();
  #room;
  #refused;
  #buttons = { one: byId('bots-one'), five: byId('bots-five'), none: byId('bots-none') };

  /** `refused(name, code)` hears of a bot that the server turned away for good. */
  constructor({ room, refused, paint, signal }) {
    this.#room = room;
    this.#refused = refused;
    const on = (button, action) => button.addEventListener('click', () => { action(); paint(); }, { signal });
    on(this.#buttons.one, () => this.add(1));
    on(this.#buttons.five, () => this.add(5));
    on(this.#buttons.none, () => this.clear());
  }

  has(name) {
    return this.#bots.has(name);
  }

  add(number) {
    for (let i = 0; i < number && this.#bots.size < MAX_BOTS; i++) {
      const name = this.#freeName();
      this.#bots.set(name, new Bot(name, this.#room, (code) => {
        this.remove(name);
        this.#refused(name, code);
      }));
    }
  }

  remove(name) {
    this.#bots.get(name)?.leave();
    this.#bots.delete(name);
  }

  clear() {
    for (const name of [...this.#bots.keys()]) this.remove(name);
  }

  draw() {
    const full = this.#bots.size >= MAX_BOTS;
    this.#buttons.one.disabled = full;
    this.#buttons.five.disabled = full;
    this.#buttons.none.hidden = this.#bots.size === 0;
    write(byId('bots-count'), this.#bots.size ? `${this.#bots.size} of at most ${MAX_BOTS}` : 'none yet');
  }

  /** Unlike the names of another page's bots, nearly for certain: two bots of one name would be one player. */
  #freeName() {
    for (;;) {
      const word = NAMES[Math.floor(Math.random() * NAMES.length)];
      const name = `bot-${word}-${Math.floor(Math.random() * 900 + 100)}`;
      if (!this.#bots.has(name)) return name;
    }
  }
}
