/** Of one asset: the newest changes whose frames can be compared with what is told later, and the faults that are kept. */
const MAX_CHANGES = 512;
const MAX_FAULTS = 8;
/** Of one asset: the players who are known to have reached for it; as many as a room has members by default. */
const MAX_PLAYERS = 20_000;

/**
 * The account of one asset, kept from the server's frames alone: a unit goes to one player, a player holds one unit, and
 * what is left is the units less their holders.
 */
export class Ledger {
  /** Players of whom a frame says that they won or were denied. */
  reached = new Set();
  winners = 0;
  returned = 0;
  /** Changes that no frame told, and no whole state since. */
  missing = 0;
  units = 0;
  left = 0;
  #faults = [];
  #revision = null;
  #holders = new Set();
  /** True while `#holders` are all holders. */
  #complete = true;
  /** By revision, what a frame told of it. */
  #told = new Map();
  #answers = [];

  /** What is wrong, in words. Answers are compared late, because a reply may arrive before its room frame. */
  get faults() {
    return [...this.#faults, ...this.#answers.map((answer) => this.#contradiction(answer)).filter(Boolean)];
  }

  /** Takes the asset's state from a welcome or a snapshot. `late`: frames that are newer may have come before it. */
  adopt({ units, remaining, revision, held, holders }, late) {
    if (late && this.#revision > revision) return;
    if (this.#revision > revision) this.#fault(`went back from change ${this.#revision} to ${revision}`);
    const now = new Set(holders.map(({ player }) => player));
    this.#complete = now.size === held;
    for (const player of now) if (!this.#holders.has(player)) this.#won(player);
    if (this.#complete) for (const player of this.#holders) if (!now.has(player)) this.returned += 1;
    this.winners = Math.max(this.winners, held);
    this.#holders = now;
    this.missing = 0;
    this.#settle(units, remaining, revision);
  }

  /** Takes a room frame of the asset: granted, released or changed. */
  change({ type, player = '', units = this.units, remaining, revision }) {
    if (this.#revision !== null && revision <= this.#revision) return this.#repeated({ type, player, revision });
    if (revision !== (this.#revision ?? -1) + 1) this.#missed(revision);
    remember(this.#told, revision, { type, player, remaining });
    if (type === 'asset_granted') this.#granted(player);
    if (type === 'asset_released') this.#released(player);
    this.#settle(units, remaining, revision);
  }

  /** Takes the reply to a player's select. */
  answer({ player, granted, revision }) {
    this.#reach(player);
    this.#answers.push({ player, granted, revision });
    if (this.#answers.length > MAX_CHANGES) this.#answers.shift();
  }

  #granted(player) {
    if (this.#complete && this.#holders.has(player)) this.#fault(`went to ${player} twice`);
    this.#holders.add(player);
    this.#won(player);
  }

  #released(player) {
    if (!this.#holders.delete(player) && this.#complete) this.#fault(`came back from ${player}, who did not have it`);
    this.returned += 1;
  }

  #won(player) {
    this.winners += 1;
    this.#reach(player);
  }

  #reach(player) {
    if (this.reached.size < MAX_PLAYERS) this.reached.add(player);
  }

  #settle(units, remaining, revision) {
    this.units = units;
    this.left = remaining;
    this.#revision = revision;
    if (!this.#complete) return;
    const holders = this.#holders.size;
    if (holders > units) this.#fault(`has ${units} of it and ${holders} winners: ${[...this.#holders].join(', ')}`);
    else if (remaining !== units - holders) this.#fault(`shows ${remaining} left of ${units}, with ${holders} taken`);
  }

  #missed(revision) {
    this.missing += revision - (this.#revision ?? -1) - 1;
    this.#complete = false;
  }

  /** A frame may come again, but it says the same. */
  #repeated({ type, player, revision }) {
    const told = this.#told.get(revision);
    if (told && (told.type !== type || told.player !== player)) {
      this.#fault(`tells change ${revision} twice, first of ${told.player || 'nobody'}, then of ${player || 'nobody'}`);
    }
  }

  #contradiction({ player, granted, revision }) {
    const told = this.#told.get(revision);
    if (!told) return null;
    if (!granted) return told.remaining > 0 ? `was denied to ${player} with ${told.remaining} left` : null;
    return told.type === 'asset_granted' && told.player === player ? null : `was promised to ${player} and went to ${told.player}`;
  }

  #fault(text) {
    if (this.#faults.length < MAX_FAULTS) this.#faults.push(text);
  }
}

function remember(map, key, value) {
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > MAX_CHANGES) map.delete(oldest);
}
