import { raceOf } from './race.js';

/** The penalty of a false start. */
export const PENALTY_MS = 400;

/**
 * The start line of the races. The page enforces it, not the server: to the server a race's assets are ordinary assets,
 * available once created, and it decides only who gets them. A client that does not wait (curl, say) is therefore
 * served early. Every page shows this as a false start, because every grant carries the server's time.
 */
export class StartLine {
  #now;
  #penalty = { start: 0, ms: 0 };

  /** `now` returns the estimated server time in Unix ms. */
  constructor(now) {
    this.#now = now;
  }

  /** Milliseconds until this player may select the asset; 0 if it is open. */
  wait(asset) {
    const race = raceOf(asset, this.#now());
    if (!race) return 0;
    const penalty = this.#penalty.start === race.start ? this.#penalty.ms : 0;
    return Math.max(0, race.start + penalty - this.#now());
  }

  /** Records a false start, which locks the race for this player a little longer. */
  jumped(asset) {
    const race = raceOf(asset, this.#now());
    if (race && this.#now() < race.start) this.#penalty = { start: race.start, ms: PENALTY_MS };
  }
}
