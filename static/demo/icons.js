import { hashOf } from './names.js';

const KNOWN = {
  sword: '🗡️', shield: '🛡️', potion: '🧪', bow: '🏹', axe: '🪓', staff: '🪄', wand: '🪄', hammer: '🔨',
  armor: '🦺', helmet: '⛑️', boots: '🥾', gloves: '🧤', ring: '💍', amulet: '📿', cloak: '🧥', mount: '🐎',
  horse: '🐎', map: '🗺️', scroll: '📜', book: '📖', torch: '🔦', lamp: '🪔', bomb: '💣', chest: '🧰',
  coin: '🪙', gold: '🪙', ticket: '🎟️', seat: '💺', castle: '🏰', ship: '⛵', house: '🏠', tower: '🗼',
  crown: '👑', gem: '💎', trophy: '🏆', dragon: '🐉', unicorn: '🦄', rocket: '🚀', star: '⭐', moon: '🌙',
  phoenix: '🔥', key: '🗝️', melon: '🍉', cake: '🍰', guitar: '🎸', medal: '🏅', anchor: '⚓', balloon: '🎈',
  comet: '☄️', saucer: '🛸', crystal: '🔮', cherry: '🍒', pizza: '🍕', owl: '🦉', octopus: '🐙', cactus: '🌵',
};
const OTHERS = ['🧿', '🪬', '🧩', '🎲', '🪩', '🧲', '🪅', '🎁', '🧭', '⚙️', '🔔', '🪁'];

/** The assets of a race; each has its own icon. */
export const RACE_LABELS = [
  'crown', 'gem', 'trophy', 'dragon', 'unicorn', 'rocket', 'star', 'moon', 'key', 'melon', 'cake', 'guitar',
  'anchor', 'balloon', 'comet', 'saucer', 'crystal', 'cherry', 'pizza', 'owl', 'octopus', 'cactus',
];

/** An emoji for an asset, by a known word in its name; otherwise an arbitrary but constant one. */
export function iconOf(label) {
  const words = label.toLowerCase().split(/[^a-z]+/).reverse();
  const word = words.find((each) => Object.hasOwn(KNOWN, each));
  return word ? KNOWN[word] : OTHERS[hashOf(label) % OTHERS.length];
}
