import { count } from './format.js';
import { Ledger } from './ledger.js';
import { isOfRace, labelOf } from './race.js';

/** More faults than this are counted, not told. */
const MAX_TOLD = 3;

/**
 * Checks the races, from the frames that this page received and not from the library's state: whether a unit went twice,
 * or was left over although somebody was denied it.
 */
export class Audit {
  #ledgers = new Map();
  #own;
  #player = null;
  #present = 0;
  /** Assets that changed while players of other pages were here: what those are denied is told to them alone. */
  #shared = new Set();
  #listed = new Set();

  /** `own()` is the number of players of this page. */
  constructor(own) {
    this.#own = own;
  }

  /** Takes a frame of this player's connection. */
  hear(frame) {
    if (typeof frame.players === 'number') this.#present = frame.players;
    if (frame.type === 'welcome') this.#player = frame.player;
    if (frame.type === 'selection') return this.answered(frame, this.#player);
    if (frame.type === 'snapshot' || (frame.type === 'welcome' && !frame.recovered)) return this.#replace(frame);
    if (frame.offset === undefined || !isOfRace(frame.asset ?? '')) return;
    if (frame.type === 'asset_removed') return this.#drop(frame.asset);
    this.#ledgerOf(frame.asset).change(frame);
    this.#meet(frame.asset);
  }

  /** Takes the reply to a select of a player of this page. */
  answered({ asset, granted, revision }, player) {
    this.#ledgers.get(asset)?.answer({ player, granted, revision });
  }

  /** The account of these assets: {ok, text}. */
  verdict(assets) {
    const known = assets.map(({ asset }) => asset).filter((asset) => this.#ledgers.has(asset));
    const ledgers = known.map((asset) => this.#ledgers.get(asset));
    const sum = (what) => ledgers.reduce((total, ledger) => total + ledger[what], 0);
    const reached = new Set(ledgers.flatMap((ledger) => [...ledger.reached])).size;
    const atLeast = known.some((asset) => this.#shared.has(asset)) ? 'At least ' : '';
    const faults = known.flatMap((asset) => this.#ledgers.get(asset).faults.map((fault) => `${labelOf(asset)} ${fault}`));
    const parts = [`${atLeast}${reached} reached`, count(sum('units'), 'unit'), count(sum('winners'), 'winner')];
    if (sum('returned') > 0) parts.push(`${sum('returned')} given back`);
    if (faults.length > 0) return { ok: false, text: `${parts.join(', ')}. Something is wrong: ${told(faults)}.` };
    const missing = sum('missing');
    if (missing > 0) return { ok: false, text: `${parts.join(', ')}. ${count(missing, 'change')} did not reach this page.` };
    parts.push('none twice', `${sum('left') || 'none'} left over`);
    return { ok: true, text: `${parts.join(', ')}.` };
  }

  #meet(asset) {
    if (this.#present > this.#own()) this.#shared.add(asset);
  }

  #ledgerOf(asset) {
    if (!this.#ledgers.has(asset)) this.#ledgers.set(asset, new Ledger());
    return this.#ledgers.get(asset);
  }

  /** Takes a whole state, which may come in parts. What it does not list is gone. */
  #replace({ assets, part = 1, parts = 1 }) {
    if (part === 1) this.#listed.clear();
    for (const state of assets.filter(({ asset }) => isOfRace(asset))) {
      this.#listed.add(state.asset);
      this.#ledgerOf(state.asset).adopt(state, parts > 1);
      this.#meet(state.asset);
    }
    if (part < parts) return;
    for (const asset of [...this.#ledgers.keys()]) if (!this.#listed.has(asset)) this.#drop(asset);
  }

  #drop(asset) {
    this.#ledgers.delete(asset);
    this.#shared.delete(asset);
  }
}

function told(faults) {
  const more = faults.length - MAX_TOLD;
  return [...faults.slice(0, MAX_TOLD), ...(more > 0 ? [`${more} more`] : [])].join('; ');
}
