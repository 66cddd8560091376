import { joinRoom } from '../asset-arbiter.js';
import { SERVER } from './address.js';
import { anyOf } from './names.js';
import { raceOf } from './race.js';
import { tapped } from './socket.js';

/** Another player in this page, with its own connection. */
export class Bot {
  #room;
  #reaction;
  #race = 0;
  #timers = { race: 0, stroll: 0 };

  /**
   * `reaction()` returns the milliseconds to the bot's next grab, `hear(frame)` gets its frames, and `closed(code)` is called
   * if the server closes its connection for good.
   */
  constructor(name, room, { reaction, hear, closed }) {
    this.#reaction = reaction;
    this.#room = joinRoom(SERVER, { room, player: name, WebSocket: tapped({ hear }) });
    this.#room.on('changed', () => this.#look());
    this.#room.on('snapshot', () => this.#look());
    this.#room.on('state', ({ state, code }) => state === 'closed' && code !== 1000 && closed(code));
    this.#stroll();
  }

  leave() {
    clearTimeout(this.#timers.race);
    clearTimeout(this.#timers.stroll);
    this.#room.leave();
  }

  #now() {
    return Date.now() + (this.#room.serverTimeOffsetMs ?? 0);
  }

  /** Detects a race that has not started yet and schedules its selects. */
  #look() {
    const now = this.#now();
    for (const asset of this.#room.assets.keys()) {
      const start = raceOf(asset, now)?.start;
      if (!start || start < now || start <= this.#race) continue;
      this.#race = start;
      this.#later('race', start - now + this.#reaction(), () => this.#run());
    }
  }

  async #run() {
    const open = [...this.#room.assets.values()].filter(({ asset, remaining }) =>
      remaining > 0 && raceOf(asset, this.#now())?.start === this.#race && !this.#room.held.has(asset));
    if (open.length === 0) return;
    await this.#room.select(anyOf(open).asset).catch(() => {});
    this.#later('race', this.#reaction(), () => this.#run());
  }

  /** Between races, occasionally takes something of the stock and later returns it. */
  #stroll() {
    this.#later('stroll', 3000 + Math.random() * 6000, () => {
      const stock = [...this.#room.assets.values()].filter(({ asset }) => !raceOf(asset, this.#now()));
      const mine = stock.filter(({ asset }) => this.#room.held.has(asset));
      const open = stock.filter(({ remaining }) => remaining > 0);
      if (mine.length) this.#room.release(anyOf(mine).asset).catch(() => {});
      else if (open.length) this.#room.select(anyOf(open).asset).catch(() => {});
      this.#stroll();
    });
  }

  #later(timer, ms, action) {
    clearTimeout(this.#timers[timer]);
    if (this.#room.state !== 'closed') this.#timers[timer] = setTimeout(action, ms);
  }
}
