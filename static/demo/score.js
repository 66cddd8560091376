import { byId, write } from './dom.js';
import { duration } from './format.js';
import { nameOf } from './names.js';
import { labelOf, raceOf } from './race.js';

/** This player's wins, misses and fastest reaction in a race, since joining; and the fastest of the room's races. */
export class Score {
  #player;
  #wins = 0;
  #misses = 0;
  #fastest = Infinity;
  #best = null;

  constructor(player) {
    this.#player = player;
  }

  /** Counts a grant to anybody. */
  granted({ asset, player, at, mine }, now) {
    if (mine) this.#wins++;
    this.seen({ asset, player, at }, now);
  }

  /** Counts a denial of this player. */
  missed() {
    this.#misses++;
  }

  /** Takes the time from a race's start to a grant. A false start does not count. */
  seen({ asset, player, at }, now) {
    const after = at - (raceOf(asset, now)?.start ?? Infinity);
    if (!(after >= 0)) return;
    if (player === this.#player) this.#fastest = Math.min(this.#fastest, after);
    if (this.#best === null || after < this.#best.after) this.#best = { after, player, asset };
  }

  draw() {
    write(byId('wins'), String(this.#wins));
    write(byId('misses'), String(this.#misses));
    write(byId('fastest'), this.#fastest < Infinity ? duration(this.#fastest) : '–');
    write(byId('best'), this.#best ? duration(this.#best.after) : '–');
    write(byId('best-of'), this.#best ? `${this.#called(this.#best.player)}, ${labelOf(this.#best.asset)}` : '');
  }

  #called(player) {
    return player === this.#player ? 'you' : nameOf(player);
  }
}
