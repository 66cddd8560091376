import { RACE_LABELS } from './icons.js';

/** The time from the press of the button to the start. */
export const LEAD_MS = 4000;
/** A start further ahead than this is ignored, because it would block the race panel for everyone. */
const MAX_LEAD_MS = 30_000;
/** An unfinished race ends after this time. */
const OPEN_MS = 20_000;
/** How long the result stays on the race panel. */
const LINGER_MS = 15_000;
/** The units of each asset of a race. */
export const UNITS = [1, 1, 1, 1, 2, 3];

const NAME = /^race:(\d{13}):(.+)$/;

/** The start and label in an asset's name (`race:<start>:<label>`), or null if it belongs to no race. */
export function raceOf(asset, now) {
  const match = NAME.exec(asset);
  if (!match || Number(match[1]) > now + MAX_LEAD_MS) return null;
  return { start: Number(match[1]), label: match[2] };
}

/** True if the asset is part of a race, whenever that starts. */
export const isOfRace = (asset) => NAME.test(asset);

/** An asset's name for players: `crown` for `race:1767225600000:crown`. */
export const labelOf = (asset) => NAME.exec(asset)?.[2] ?? asset;

/** The assets of a new race: [{asset, units}], to be created before its start. */
export function newRace(now) {
  const start = Math.round(now + LEAD_MS);
  const labels = shuffled(RACE_LABELS);
  return shuffled(UNITS).map((units, i) => ({ asset: `race:${start}:${labels[i]}`, units }));
}

/** Splits a room's assets into races, newest first, and the stock, by name. The order is the same on every page. */
export function sortOut(assets, now) {
  const races = new Map();
  const stock = [];
  for (const state of assets) {
    const race = raceOf(state.asset, now);
    if (!race) stock.push(state);
    else if (races.has(race.start)) races.get(race.start).assets.push(state);
    else races.set(race.start, { start: race.start, assets: [state] });
  }
  for (const race of races.values()) race.assets.sort(byName);
  return { races: [...races.values()].sort((a, b) => b.start - a.start), stock: stock.sort(byName) };
}

/** `countdown`, `open`, `over` (the result is still on the race panel) or `past`. */
export function phaseOf(race, now) {
  if (now < race.start) return 'countdown';
  const end = endOf(race);
  if (now < end) return 'open';
  return now < end + LINGER_MS ? 'over' : 'past';
}

/** All current grants of a race: [{player, asset, after}], fastest first; after is in ms from the start. */
export function finishers(race) {
  const all = race.assets.flatMap(({ asset, holders }) =>
    holders.map(({ player, at }) => ({ player, asset, after: at - race.start })));
  return all.sort((a, b) => a.after - b.after);
}

function endOf(race) {
  const timeout = race.start + OPEN_MS;
  if (race.assets.some(({ remaining }) => remaining > 0)) return timeout;
  const last = Math.max(race.start, ...finishers(race).map(({ after }) => race.start + after));
  return Math.min(timeout, last);
}

/** Sorts numerically: item-2 before item-10. Names that compare as equal still have a fixed order. */
const byName = (a, b) => collator.compare(a.asset, b.asset) || (a.asset < b.asset ? -1 : 1);
const collator = new Intl.Collator('en', { numeric: true });

function shuffled(list) {
  const result = [...list];
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [result[i], result[j]] = [result[j], result[i]];
  }
  return result;
}
