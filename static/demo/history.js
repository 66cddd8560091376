import { byId, make, write } from './dom.js';
import { count, duration } from './format.js';
import { iconOf } from './icons.js';
import { nameOf } from './names.js';
import { finishers, labelOf, phaseOf } from './race.js';

const MAX_RACES = 5;

/** The room's earlier races, one collapsed line each. */
export class History {
  #root = byId('history');
  #title = byId('history-title');
  #list = byId('history-list');
  #drawn = new Map();

  #audit;

  constructor(audit) {
    this.#audit = audit;
  }

  /** Draws the races (newest first) that are no longer on the race panel. */
  draw(races, now) {
    const past = races.filter((race, index) => index > 0 || phaseOf(race, now) === 'past');
    const shown = past.slice(0, MAX_RACES);
    this.#root.hidden = past.length === 0;
    write(this.#title, count(past.length, 'earlier race'));
    const lines = shown.map((race) => this.#lineOf(race));
    this.#drawn = new Map(lines.map((line) => [line.start, line]));
    const elements = lines.map(({ element }) => element);
    if (elements.some((element, i) => element !== this.#list.children[i]) || elements.length !== this.#list.children.length) {
      this.#list.replaceChildren(...elements);
    }
  }

  #lineOf(race) {
    const before = this.#drawn.get(race.start);
    const proof = this.#audit.verdict(race.assets);
    const same = before?.proof.text === proof.text && before.assets.length === race.assets.length
      && before.assets.every((state, i) => state === race.assets[i]);
    return same ? before : { start: race.start, assets: race.assets, proof, element: line(race, proof) };
  }
}

function line(race, proof) {
  const at = new Date(race.start).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  const all = finishers(race).map(({ player, asset, after }) => {
    const time = after < 0 ? 'false start' : `+${duration(after)}`;
    return make('span', { class: 'taken', title: `${labelOf(asset)}: ${player}, ${time}` },
      iconOf(labelOf(asset)), `${nameOf(player)} `, make('small', {}, time));
  });
  if (all.length === 0) all.push('nobody took anything');
  const account = make('span', { class: 'account' }, proof.text);
  account.dataset.ok = String(proof.ok);
  return make('li', {}, make('time', {}, at), make('span', { class: 'results' }, ...all, account));
}
