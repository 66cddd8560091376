import { PENALTY_MS } from './startline.js';

/** How long the outcome of a try stays on its card. */
const SHOWN_MS = 10_000;
const MAX_OUTCOMES = 256;

/**
 * What this player does, and what came of it. An outcome is
 * {kind, text, latencyMs, decidedAt, until}; kind is pending, won, missed, released, early or failed.
 */
export class Actions {
  #room;
  #line;
  #now;
  #tell;
  #outcomes = new Map();

  /** `tell(asset, outcome)` hears of every outcome at once. */
  constructor({ room, line, now, tell }) {
    this.#room = room;
    this.#line = line;
    this.#now = now;
    this.#tell = tell;
  }

  /** The last outcome at this asset, or undefined when there is none worth showing. */
  outcome(asset) {
    const outcome = this.#outcomes.get(asset);
    return outcome && outcome.until > this.#now() ? outcome : undefined;
  }

  /** Asks for a unit. The reply decides; what the page showed before is only a picture of the past. */
  async grab(asset) {
    if (this.#busy(asset) || this.#room.held.has(asset)) return;
    if (this.#line.wait(asset) > 0) return this.#early(asset);
    const from = this.#now();
    await this.#ask(asset, async () => {
      const reply = await this.#room.select(asset);
      // The server decided about half a round trip after the question left.
      const decidedAt = from + reply.latencyMs / 2;
      return { kind: reply.granted ? 'won' : 'missed', again: reply.alreadyHeld, latencyMs: reply.latencyMs, decidedAt };
    });
  }

  /** Gives a unit back. */
  async release(asset) {
    if (this.#busy(asset)) return;
    await this.#ask(asset, async () => {
      await this.#room.release(asset);
      return { kind: 'released' };
    });
  }

  #busy(asset) {
    return this.outcome(asset)?.kind === 'pending';
  }

  #early(asset) {
    this.#line.jumped(asset);
    this.#settle(asset, { kind: 'early', text: `Too early: +${PENALTY_MS} ms` });
  }

  async #ask(asset, question) {
    this.#settle(asset, { kind: 'pending', until: Infinity });
    try {
      this.#settle(asset, await question());
    } catch (error) {
      this.#settle(asset, { kind: 'failed', text: error.message || error.code });
    }
  }

  #settle(asset, outcome) {
    const settled = { until: this.#now() + SHOWN_MS, ...outcome };
    this.#outcomes.delete(asset);
    this.#outcomes.set(asset, settled);
    for (const oldest of this.#outcomes.keys()) {
      if (this.#outcomes.size <= MAX_OUTCOMES) break;
      this.#outcomes.delete(oldest);
    }
    this.#tell(asset, settled);
  }
}
