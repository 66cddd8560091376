const MAX_SAMPLES = 10;

/**
 * An estimate of the server's clock. Uses the fastest of the last pings, because a slow one may have been slow in one
 * direction only, which shifts the estimate by half the delay.
 */
export class Clock {
  #room;
  #samples = [];

  constructor(room) {
    this.#room = room;
  }

  /** Unix milliseconds. */
  now = () => Date.now() + this.#offset();

  /** Takes the room's clock offset after a ping of this many milliseconds. */
  pinged(ms) {
    this.#samples.push({ ms, offset: this.#room.serverTimeOffsetMs });
    if (this.#samples.length > MAX_SAMPLES) this.#samples.shift();
  }

  #offset() {
    if (this.#samples.length === 0) return this.#room.serverTimeOffsetMs ?? 0;
    return this.#samples.reduce((best, sample) => (sample.ms < best.ms ? sample : best)).offset;
  }
}
