import { byId, write } from './dom.js';
import { duration } from './format.js';

/** This player's wins, misses and fastest reaction in a race, since joining. */
export class Score {
  #wins = 0;
  #misses = 0;
  #fastest = Infinity;

  /** Counts a grant to, or a denial of, this player. */
  add(outcome) {
    if (outcome.kind === 'won' && !outcome.again) this.#wins++;
    if (outcome.kind === 'missed') this.#misses++;
  }

  /** Takes the time from a race's start to a grant to this player. A false start does not count. */
  reacted(afterMs) {
    if (afterMs >= 0) this.#fastest = Math.min(this.#fastest, afterMs);
  }

  draw() {
    write(byId('wins'), String(this.#wins));
    write(byId('misses'), String(this.#misses));
    write(byId('fastest'), this.#fastest < Infinity ? duration(this.#fastest) : '–');
  }
}
