import { Bot } from './bot.js';
import { byId, enable, onPress, write } from './dom.js';
import { reaction } from './levels.js';
import { anyOf } from './names.js';

/** Browsers allow some hundred sockets per server, and twenty rivals are plenty for one page. */
const MAX_BOTS = 20;
const NAMES = [
  'ada', 'bit', 'cog', 'dot', 'echo', 'flux', 'glitch', 'hex', 'ion', 'jolt', 'kilo', 'lag', 'meg', 'nano', 'opal',
  'pixel', 'quark', 'rust', 'sonic', 'turbo', 'ultra', 'volt', 'warp', 'xeno', 'yotta', 'zap',
];

/** The bots of this page and their buttons. */
export class Bots {
  #bots = new Map();
  #room;
  #hear;
  #refused;
  #level = byId('bots-level');
  #buttons = { one: byId('bots-one'), five: byId('bots-five'), none: byId('bots-none') };

  /**
   * `hear(frame, name)` gets every frame of every bot, and `refused(name, code)` is called if the server closes a bot's
   * connection for good.
   */
  constructor({ room, hear, refused, paint, signal }) {
    this.#room = room;
    this.#hear = hear;
    this.#refused = refused;
    const on = (button, action) => onPress(button, () => { action(); paint(); }, { signal });
    on(this.#buttons.one, () => this.add(1));
    on(this.#buttons.five, () => this.add(5));
    on(this.#buttons.none, () => {
      this.clear();
      // The button that has the focus is about to disappear.
      this.#buttons.one.focus();
    });
  }

  get names() {
    return [...this.#bots.keys()];
  }

  get number() {
    return this.#bots.size;
  }

  has(name) {
    return this.#bots.has(name);
  }

  add(number) {
    for (let i = 0; i < number && this.#bots.size < MAX_BOTS; i++) {
      const name = this.#freeName();
      this.#bots.set(name, this.#make(name));
    }
  }

  remove(name) {
    this.#bots.get(name)?.leave();
    this.#bots.delete(name);
  }

  clear() {
    for (const name of this.names) this.remove(name);
  }

  draw() {
    const more = this.#bots.size < MAX_BOTS && this.#room.state === 'connected';
    enable(this.#buttons.one, more);
    enable(this.#buttons.five, more);
    this.#buttons.none.hidden = this.#bots.size === 0;
    write(byId('bots-count'), `${this.#bots.size} / ${MAX_BOTS}`);
  }

  #make(name) {
    return new Bot(name, this.#room.name, {
      reaction: () => reaction(this.#level.value, this.#bots.size),
      hear: (frame) => this.#hear(frame, name),
      closed: (code) => {
        this.remove(name);
        this.#refused(name, code);
      },
    });
  }

  /** An unused name, because two bots of one name would be one player. Large rooms do not report their names. */
  #freeName() {
    const { count, names } = this.#room.players;
    const taken = new Set([...names, ...this.names]);
    const free = NAMES.map((word) => `bot-${word}`).filter((name) => !taken.has(name));
    if (free.length && names.length === count) return anyOf(free);
    return `bot-${anyOf(NAMES)}-${Math.floor(Math.random() * 90_000 + 10_000)}`;
  }
}
