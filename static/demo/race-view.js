import { CardList } from './card-list.js';
import { byId, mark, write } from './dom.js';
import { count, duration } from './format.js';
import { hasKeyboard, RaceKeys } from './keys.js';
import { nameOf } from './names.js';
import { finishers, LEAD_MS, phaseOf, UNITS } from './race.js';
import { PENALTY_MS } from './startline.js';

/** Maximum cards shown, because a race created by another program may have more. */
const MAX_CARDS = 12;

/** The panel of the newest race: countdown, cards, result. */
export class RaceView {
  #cards;
  #actions;
  #audit;
  #player;
  #shown = 0;
  #root = byId('race-panel');
  #title = byId('race-title');
  #note = byId('race-note');
  #count = byId('countdown');
  #proof = byId('race-proof');

  constructor({ actions, audit, player }) {
    this.#actions = actions;
    this.#audit = audit;
    this.#player = player;
    this.#cards = new CardList(byId('race-cards'), { keys: new RaceKeys(), actions, limit: MAX_CARDS });
  }

  /** Draws the race, if it is not past. Returns the milliseconds until the clock changes the picture. */
  draw(race, { now, held, locked, offline }) {
    const phase = race ? phaseOf(race, now) : 'past';
    mark(this.#root, 'phase', phase);
    const assets = phase === 'past' ? [] : race.assets;
    this.#cards.draw(assets, ({ asset }) => ({
      mine: held.has(asset), locked: locked(asset), offline, outcome: this.#actions.outcome(asset), raceStart: race.start,
    }));
    this.#announce(race, phase, now);
    this.#prove(race, phase);
    if (phase === 'countdown') this.#appear(race);
    return phase === 'countdown' ? (race.start - now) % 1000 || 1000 : Infinity;
  }

  assetAt(key) {
    return this.#cards.assetAt(key);
  }

  #announce(race, phase, now) {
    const seconds = phase === 'countdown' ? String(Math.ceil((race.start - now) / 1000)) : '';
    write(this.#count, seconds);
    write(this.#title, TITLES[phase]);
    write(this.#note, this.#noteOf(race, phase));
  }

  /** Once the race is over, its account from the frames. */
  #prove(race, phase) {
    this.#proof.hidden = phase !== 'over';
    const { ok, text } = phase === 'over' ? this.#audit.verdict(race.assets) : { ok: true, text: '' };
    mark(this.#proof, 'ok', String(ok));
    write(byId('race-proof-text'), text);
  }

  #noteOf(race, phase) {
    if (phase === 'past') return IDLE;
    if (phase === 'countdown') return `${count(race.assets.length, 'asset')}. Pick your first. Too early costs ${PENALTY_MS} ms.`;
    if (phase === 'open') return hasKeyboard() ? OPEN_WITH_KEYS : 'Grab what you can.';
    return this.#result(finishers(race));
  }

  #result(all) {
    if (all.length === 0) return 'Nobody took anything.';
    const fair = all.filter(({ after }) => after >= 0);
    const fastest = fair.length ? `${this.#wasOrWere(fair[0].player)} fastest, ${duration(fair[0].after)} after the start.` : '';
    const mine = all.filter(({ player }) => player === this.#player).length;
    return `${fastest} You took ${mine} of ${all.length}.`.trim();
  }

  #wasOrWere(player) {
    return player === this.#player ? 'You were' : `${nameOf(player)} was`;
  }

  /** Scrolls to a new race once, because on a phone the race panel may be off the screen. */
  #appear(race) {
    if (this.#shown === race.start) return;
    this.#shown = race.start;
    const typing = document.activeElement?.matches('input');
    if (!typing) this.#root.scrollIntoView({ block: 'nearest' });
  }
}

const IDLE = `${UNITS.length} new assets for everyone in the room, after a countdown of ${LEAD_MS / 1000} seconds.`;

const OPEN_WITH_KEYS = 'Grab what you can: click, or press the number on the card.';

const TITLES = { countdown: 'Get ready', open: 'Go!', over: 'Race over', past: 'Start a race' };
