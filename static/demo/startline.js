import { raceOf } from './race.js';

/** What jumping the start costs. */
export const PENALTY_MS = 400;

/**
 * The start line of the races. The page holds it, not the server: for the server a race's assets
 * are assets like any other, free from the moment they exist, and it decides only who gets them.
 * A client that does not wait (curl, say) is therefore served early, and every page shows it as a
 * false start, because the server's own time is on every grant.
 */
export class StartLine {
  #now;
  #penalty = { start: 0, ms: 0 };

  /** `now` is the server's time in Unix ms, as well as this page knows it. */
  constructor(now) {
    this.#now = now;
  }

  /** Milliseconds until this player may reach for the asset; 0 when it is open. */
  wait(asset) {
    const race = raceOf(asset, this.#now());
    if (!race) return 0;
    const penalty = this.#penalty.start === race.start ? this.#penalty.ms : 0;
    return Math.max(0, race.start + penalty - this.#now());
  }

  /** Notes that the player jumped the start: the race stays shut for them a little longer. */
  jumped(asset) {
    const race = raceOf(asset, this.#now());
    if (race && this.#now() < race.start) this.#penalty = { start: race.start, ms: PENALTY_MS };
  }
}
