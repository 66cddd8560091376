import { avatar } from './avatar.js';
import { make, mark, symbol, write } from './dom.js';
import { count, duration } from './figures.js';
import { iconOf } from './icons.js';
import { labelOf } from './race.js';

const MAX_HOLDERS = 3;
/** Up to here the meter shows single units. */
const MAX_SEGMENTS = 12;
/** Whoever came later than this did not lose a race, but found the shelf empty. */
const MAX_LATE_MS = 5000;

const BUTTON = { open: 'Grab', pending: 'Asking…', locked: 'Wait…', gone: 'Sold out', mine: 'Yours' };

/** One asset on the page. `grab` and `release` are called with its name. */
export class Card {
  #asset;
  #drawn = {};
  #units = make('p', { class: 'card-units' });
  #meter = make('div', { class: 'meter', 'aria-hidden': 'true' }, make('span'));
  #holders = make('p', { class: 'holders' });
  #outcome = make('p', { class: 'outcome' });
  #grab = make('button', { class: 'grab', type: 'button' });
  #release = make('button', { class: 'release', type: 'button' }, 'Release');

  constructor(asset, key, { grab, release }) {
    this.#asset = asset;
    this.key = key;
    this.#grab.addEventListener('click', () => grab(asset));
    this.#release.addEventListener('click', () => {
      release(asset);
      this.#grab.focus({ preventScroll: true });
    });
    this.#release.setAttribute('aria-label', `Release ${labelOf(asset)}`);
    this.element = this.#build();
  }

  /**
   * Draws the asset's state. `view`: mine (held by this player), locked (before the start line),
   * outcome (of this player's last try) and raceStart, when the asset is part of a race.
   */
  draw(state, view) {
    const before = this.#drawn;
    if (before.state === state && sameView(before.view, view)) return;
    this.#drawn = { state, view };
    const phase = phaseOf(state, view);
    mark(this.element, 'state', phase);
    mark(this.element, 'outcome', view.outcome?.kind ?? '');
    mark(this.element, 'remaining', String(state.remaining));
    if (before.state !== state) this.#drawUnits(state, view.raceStart);
    this.#drawButtons(state, phase);
    write(this.#outcome, sentence(state, view));
  }

  #build() {
    const label = labelOf(this.#asset);
    const head = make('div', { class: 'card-head' },
      make('span', { class: 'card-icon', 'aria-hidden': 'true' }, iconOf(label)),
      make('div', { class: 'card-title' }, make('h3', { title: this.#asset }, label), this.#units));
    if (this.key) head.append(make('kbd', { 'aria-hidden': 'true' }, this.key.toUpperCase()));
    const actions = make('div', { class: 'actions' }, this.#grab, this.#release);
    const card = make('li', { class: 'card' }, head, this.#meter, this.#holders, this.#outcome, actions);
    card.dataset.asset = this.#asset;
    return card;
  }

  #drawUnits({ units, remaining, held, holders }, raceStart) {
    write(this.#units, `${remaining.toLocaleString('en')} of ${units.toLocaleString('en')} left`);
    this.#meter.style.setProperty('--left', String(units > 0 ? remaining / units : 0));
    this.#meter.style.setProperty('--segments', String(units <= MAX_SEGMENTS ? Math.max(units, 1) : 1));
    const shown = holders.slice(0, MAX_HOLDERS).map((holder) => chip(holder, raceStart));
    if (held > shown.length) shown.push(make('span', { class: 'more' }, `+${held - shown.length}`));
    if (held === 0) shown.push(make('span', { class: 'nobody' }, 'nobody yet'));
    this.#holders.replaceChildren(...shown);
    this.#holders.setAttribute('aria-label', `held by ${count(held, 'player')}`);
  }

  #drawButtons(state, phase) {
    write(this.#grab, BUTTON[phase]);
    const idle = phase === 'mine' || phase === 'locked' || phase === 'pending';
    this.#grab.setAttribute('aria-disabled', String(idle));
    const key = this.key ? `, key ${this.key}` : '';
    const label = `${BUTTON[phase]}: ${labelOf(this.#asset)}, ${state.remaining} of ${state.units} left${key}`;
    if (this.#grab.getAttribute('aria-label') !== label) this.#grab.setAttribute('aria-label', label);
    this.#release.hidden = phase !== 'mine';
  }
}

function phaseOf(state, { mine, locked, outcome }) {
  if (outcome?.kind === 'pending') return 'pending';
  if (mine) return 'mine';
  if (locked) return 'locked';
  return state.remaining > 0 ? 'open' : 'gone';
}

function sentence(state, { mine, outcome }) {
  if (!outcome || outcome.kind === 'pending') return '';
  if (outcome.kind === 'won') return mine ? `Yours in ${duration(outcome.latencyMs)}` : '';
  if (outcome.kind === 'released') return mine ? '' : 'Given back';
  if (outcome.kind !== 'missed') return outcome.text;
  const late = outcome.decidedAt - Math.max(...state.holders.map(({ at }) => at));
  const by = late >= 1 && late < MAX_LATE_MS ? ` by ${duration(late)}` : '';
  return `Missed${by} · ${duration(outcome.latencyMs)}`;
}

function chip({ player, at }, raceStart) {
  const name = make('span', { class: 'chip', title: player }, avatar(player), make('span', { class: 'name' }, player));
  if (raceStart === undefined) return name;
  const after = at - raceStart;
  const time = after < 0 ? 'false start' : `+${duration(after)}`;
  name.append(make('span', { class: after < 0 ? 'reaction early' : 'reaction' }, time));
  return name;
}

function sameView(a, b) {
  return a.mine === b.mine && a.locked === b.locked && a.outcome === b.outcome;
}
