import { leaseOf } from './lease.js';
import { PENALTY_MS } from './startline.js';

/** How long the outcome of an attempt is shown on its card. */
const SHOWN_MS = 10_000;
const MAX_OUTCOMES = 256;

/**
 * This player's requests and their outcomes. An outcome is {kind, text, latencyMs, decidedAt, until}; kind is pending,
 * won, missed, kept, denied (until `again`, by `performance.now()`), released, early or failed.
 */
export class Actions {
  #room;
  #line;
  #now;
  #tell;
  #outcomes = new Map();
  /** By asset, what gives up its pending grab. */
  #pending = new Map();
  /** Assets whose grab was taken back. It may have been sent, so it may still be granted. */
  #takenBack = new Set();

  /** `tell(asset, outcome)` is called for every outcome. */
  constructor({ room, line, now, tell }) {
    this.#room = room;
    this.#line = line;
    this.#now = now;
    this.#tell = tell;
  }

  /** The last outcome for this asset, or undefined if there is none to show. */
  outcome(asset) {
    const outcome = this.#outcomes.get(asset);
    return outcome && outcome.until > this.#now() ? outcome : undefined;
  }

  /** True if a grab of this asset would be sent. */
  isFree(asset) {
    return !this.#busy(asset) && !this.#room.held.has(asset) && this.#line.wait(asset) === 0;
  }

  /** Requests a unit, or keeps the one that is held. Only the reply decides, because the page shows the past. */
  async grab(asset) {
    if (this.#busy(asset)) return;
    if (this.#room.held.has(asset)) return this.#keep(asset);
    if (this.#line.wait(asset) > 0) return this.#early(asset);
    const from = this.#now();
    const giveUp = new AbortController();
    this.#pending.set(asset, giveUp);
    this.#takenBack.delete(asset);
    await this.#ask(asset, async () => {
      const reply = await this.#room.select(asset, { signal: giveUp.signal });
      // The server decided about half a round trip after the request was sent.
      const decidedAt = from + reply.latencyMs / 2;
      if (reply.retryAfterMs !== null) return this.#denied(reply);
      return { kind: reply.granted ? 'won' : 'missed', latencyMs: reply.latencyMs, decidedAt };
    });
    this.#pending.delete(asset);
  }

  /** Releases a unit, or takes back the grab that waits for an answer. */
  async release(asset) {
    const giveUp = this.#pending.get(asset);
    if (giveUp) return this.#takeBack(asset, giveUp);
    if (this.#busy(asset)) return;
    await this.#ask(asset, async () => {
      await this.#room.release(asset);
      return { kind: 'released', text: 'given back' };
    });
  }

  /** Gives back what was granted after its grab had been taken back. */
  returnLate() {
    for (const asset of this.#takenBack) {
      if (!this.#room.held.has(asset)) continue;
      this.#takenBack.delete(asset);
      this.release(asset);
    }
  }

  async #keep(asset) {
    if (!leaseOf(this.#room.assets.get(asset), this.#room.player)?.isHold) return;
    await this.#ask(asset, async () => {
      const { confirmed } = await this.#room.confirm(asset);
      return confirmed ? { kind: 'kept', text: 'kept' } : { kind: 'failed', text: 'too late' };
    });
  }

  #denied({ reason, retryAfterMs }) {
    const text = reason === 'reserved' ? 'reserved for ' : 'again in ';
    return { kind: 'denied', text, again: performance.now() + retryAfterMs, until: this.#now() + retryAfterMs };
  }

  #busy(asset) {
    return this.outcome(asset)?.kind === 'pending';
  }

  #early(asset) {
    this.#line.jumped(asset);
    this.#settle(asset, { kind: 'early', text: `Too early: +${PENALTY_MS} ms` });
  }

  #takeBack(asset, giveUp) {
    this.#takenBack.add(asset);
    giveUp.abort(new TakenBack());
  }

  async #ask(asset, question) {
    this.#settle(asset, { kind: 'pending', until: Infinity });
    try {
      this.#settle(asset, await question());
    } catch (error) {
      this.#settle(asset, error instanceof TakenBack
        ? { kind: 'released', text: 'taken back' }
        : { kind: 'failed', text: PLAINLY[error.code] ?? (error.message || error.code) });
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

class TakenBack extends Error {}

const PLAINLY = { timed_out: 'No answer for 10 s: given up' };
