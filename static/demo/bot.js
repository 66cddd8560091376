import { joinRoom } from '/asset-arbiter.js';
import { anyOf } from './names.js';
import { raceOf } from './race.js';

/** Maximum assets a bot takes in one race, so that something is left for people. */
const MAX_PER_RACE = 2;

/**
 * Another player in this page, with its own connection. Reacts like a human: never faster than about 180 ms, mostly in
 * 250 to 400, occasionally slowly.
 */
export class Bot {
  #room;
  #skill = 0.85 + Math.random() * 0.5;
  #race = 0;
  #timers = { race: 0, stroll: 0 };

  /** `closed(code)` is called if the server closes the bot's connection for good. */
  constructor(name, room, closed) {
    this.#room = joinRoom(location.origin, { room, player: name });
    this.#room.ready.catch(() => {});
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
    const mine = this.#inRace((state) => this.#room.held.has(state.asset));
    const open = this.#inRace((state) => state.remaining > 0 && !this.#room.held.has(state.asset));
    if (open.length === 0 || mine.length >= MAX_PER_RACE) return;
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

  #inRace(wanted) {
    return [...this.#room.assets.values()]
      .filter((state) => raceOf(state.asset, this.#now())?.start === this.#race && wanted(state));
  }

  /** A human reaction time in ms: bell-shaped on a logarithmic scale, with a long tail of slow ones. */
  #reaction() {
    const bell = (Math.random() + Math.random() + Math.random()) / 1.5 - 1;
    return Math.max(180, 290 * this.#skill * Math.exp(bell * 0.6));
  }

  #later(timer, ms, action) {
    clearTimeout(this.#timers[timer]);
    if (this.#room.state !== 'closed') this.#timers[timer] = setTimeout(action, ms);
  }
}
