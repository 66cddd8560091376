import { byId, write } from './dom.js';
import { duration } from './format.js';

/** This player's wins, misses and fastest reaction in a race, since they came in. */
export class Score {
  #wins = 0;
  #misses = 0;
  #fastest = Infinity;

  /** Counts a grant or a denial of this player. */
  add(outcome) {
    if (outcome.kind === 'won' && !outcome.again) this.#wins++;
    if (outcome.kind === 'missed') this.#misses++;
  }

  /** Takes the time between a race's start and a grant of this player; a false start does not count. */
  reacted(afterMs) {
    if (afterMs >= 0) this.#fastest = Math.min(this.#fastest, afterMs);
  }

  draw() {
    write(byId('wins'), String(this.#wins));
    write(byId('misses'), String(this.#misses));
    write(byId('fastest'), this.#fastest < Infinity ? duration(this.#fastest) : '–');
  }
}
