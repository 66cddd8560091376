import { makeSvg } from './dom.js';
import { hashOf } from './names.js';

/** Drawings of 24 by 24, so that they look alike where no font has emoji: a hue, a filled shape and lines over it. */
const DRAWINGS = {
  // Of a race.
  crown: [44, 'M3.5 8l4.5 4 4-7 4 7 4.5-4L19 18.5H5z', 'M5.5 21.5h13'],
  gem: [195, 'M7 4h10l4 5.5-9 11-9-11z', 'M3 9.5h18M9 9.5l3 11 3-11M9 9.5L10.5 4M15 9.5L13.5 4'],
  trophy: [40, 'M7 3.5h10v6a5 5 0 0 1-10 0z', 'M7 5.5H3.5c0 4 1.5 5.5 4 5.5M17 5.5h3.5c0 4-1.5 5.5-4 5.5M12 14.5v3.5M8 20.5h8M9.5 18h5'],
  rocket: [10, 'M12 2.5c4 3 5 7 4.5 11.5h-9C7 9.5 8 5.5 12 2.5z', 'M7.5 11l-3 3v4l3-2M16.5 11l3 3v4l-3-2M10.5 17v3M13.5 17v3.5M10.5 9a1.5 1.5 0 1 0 3 0 1.5 1.5 0 1 0-3 0'],
  star: [46, 'M12 3l2.7 5.7 6.3.8-4.6 4.3 1.2 6.2L12 17l-5.6 3 1.2-6.2L3 9.5l6.3-.8z', ''],
  moon: [235, 'M19.5 14.5a8.5 8.5 0 1 1-10-10 6.8 6.8 0 0 0 10 10z', ''],
  key: [36, 'M3 9a5 5 0 1 0 10 0A5 5 0 1 0 3 9z', 'M11.5 12.5l9 9M17 18l2.5-2.5M14.2 15.2l2-2'],
  melon: [350, 'M3 9h18a9 9 0 0 1-18 0z', 'M6 9a6 6 0 0 0 12 0M9.5 10.7v.6M12 12v.6M14.5 10.7v.6'],
  cake: [325, 'M4 11h16v9.5H4z', 'M4 14c2 2 3.5 2 5.3 0 2 2 3.5 2 5.4 0 1.8 2 3.3 2 5.3 0M12 11V7M12 4v.8'],
  anchor: [215, 'M10 5a2 2 0 1 0 4 0 2 2 0 1 0-4 0z', 'M12 7v14M8 10.5h8M4 13c0 5 3.5 8 8 8s8-3 8-8M4 13l-1.5 2.5M4 13l2.5 2M20 13l1.5 2.5M20 13l-2.5 2'],
  balloon: [0, 'M12 2.5A6.5 6.5 0 0 1 18.5 9c0 4-3.5 7.5-6.5 7.5S5.5 13 5.5 9A6.5 6.5 0 0 1 12 2.5z', 'M12 16.5l-1 2h2zM12 18.5c-1.5 1.5 1.5 2 0 3.5'],
  comet: [22, 'M3.5 16a4.5 4.5 0 1 0 9 0 4.5 4.5 0 1 0-9 0z', 'M10 11.5l10.5-8M12.5 14l8-5.5M7 11.2L13.5 4'],
  saucer: [155, 'M2.5 13.5c0-2 4-3.5 9.5-3.5s9.5 1.5 9.5 3.5S17.5 17 12 17s-9.5-1.5-9.5-3.5z', 'M7.5 10.3C7.5 7 9.5 5 12 5s4.5 2 4.5 5.3M7 19.5l-1 2M17 19.5l1 2M12 20v2'],
  crystal: [275, 'M5 10a7 7 0 1 0 14 0 7 7 0 1 0-14 0z', 'M7.5 18h9l1.5 3.5H6zM8.5 8.5C9.2 7 10.5 6 12 5.8'],
  cherry: [350, 'M3.5 17a3.5 3.5 0 1 0 7 0 3.5 3.5 0 1 0-7 0zM13.5 18a3.5 3.5 0 1 0 7 0 3.5 3.5 0 1 0-7 0z', 'M7.5 13.5c1-4.5 3.5-8 7.5-10M16.5 14.5c0-4.5-.5-8-1.5-11 2.5-.5 4.5 0 5.5 2-2 1.2-4 .8-5.5-2'],
  pizza: [28, 'M3 6.5c6-3.5 12-3.5 18 0l-9 15z', 'M4.6 9.2c5-2.7 9.8-2.7 14.8 0M9.5 12.5v.6M13.5 12v.6M12 16.5v.6'],
  owl: [25, 'M5 4l3.5 2h7L19 4v10a7 7 0 0 1-14 0z', 'M7.3 10.5a2 2 0 1 0 4 0 2 2 0 1 0-4 0zM12.7 10.5a2 2 0 1 0 4 0 2 2 0 1 0-4 0zM11 14.5l1 1.5 1-1.5'],
  octopus: [310, 'M6 12.5V9.5a6 6 0 0 1 12 0v3z', 'M6 12.5c0 4-3 3-3 6M9 12.5c0 4-2 4-2 8M12 12.5v8M15 12.5c0 4 2 4 2 8M18 12.5c0 4 3 3 3 6M9.8 8.5v.6M14.2 8.5v.6'],
  cactus: [135, 'M9.5 21V6a2.5 2.5 0 0 1 5 0v15z', 'M9.5 15H7a2.5 2.5 0 0 1-2.5-2.5V10M14.5 13H17a2.5 2.5 0 0 0 2.5-2.5V8M5 21.5h14'],
  bell: [44, 'M6 17v-6a6 6 0 0 1 12 0v6l1.5 1.5h-15z', 'M10 21.2h4M12 5V3'],
  heart: [345, 'M12 20.5C5 15.5 3 12 3 8.8 3 6 5 4 7.5 4c2 0 3.5 1.2 4.5 3 1-1.8 2.5-3 4.5-3C19 4 21 6 21 8.8c0 3.2-2 6.7-9 11.7z', ''],
  bolt: [48, 'M13 2.5l-8.5 11h6l-.5 8 9-11.5h-6.5z', ''],
  // Of a room.
  sword: [215, 'M20.5 3.5l-1 4.5-10 10L6 14.5l10-10z', 'M4.5 13l6.5 6.5M6.5 17.5L3 21'],
  shield: [215, 'M12 2.5l8 3v6c0 5-3.5 8.5-8 10-4.5-1.5-8-5-8-10v-6z', 'M12 7v9M8 11h8'],
  potion: [285, 'M10 3h4v6l5 8.5c1 2-.2 4-2.3 4H7.3c-2.1 0-3.3-2-2.3-4L10 9z', 'M8.5 3h7M6.8 15h10.4'],
  bow: [25, '', 'M5 3c9 1 15 7 16 16M5 3l16 16M4 20L16 8M4 20v-4M4 20h4M12.5 8H16v3.5'],
  axe: [215, 'M12 6c3-3.5 7-3 8.5-2.5.5 3.5.5 7-2.5 10-1.5-1.5-4.5-5-6-7.5z', 'M14.5 9.5l-11 11'],
  staff: [275, 'M14 6.5a3.5 3.5 0 1 0 7 0 3.5 3.5 0 1 0-7 0z', 'M14.8 9.2L3.5 20.5M10 4.5h2M11 3.5v2M19.5 13.5h2M20.5 12.5v2'],
  hammer: [25, 'M4 4h13l3 3v3H4z', 'M11 10v11'],
  helmet: [215, 'M4 17v-4a8 8 0 0 1 16 0v4z', 'M2.5 17h19v3h-19zM12 5v12'],
  boots: [25, 'M7 3h6v9l6 3c1.5.8 2 2 2 5.5H7z', 'M7 17h13.5'],
  ring: [190, 'M9 3.5h6L16.5 6 12 9.5 7.5 6z', 'M6 15.5a6 6 0 1 0 12 0 6 6 0 1 0-12 0z'],
  amulet: [190, 'M9 16.5a3 3 0 1 0 6 0 3 3 0 1 0-6 0z', 'M4 3c0 6 4 9 8 10.5 4-1.5 8-4.5 8-10.5'],
  cloak: [345, 'M9 3h6l5 18H4z', 'M9 3l3 4 3-4M12 7v14'],
  horse: [25, 'M8 21c0-4 1-6 3-8-2 .5-3.5 2-5.5 1.5L4 12l6-6V3l2.5 2C17 6 19.5 10 19 21z', 'M11.5 8.7v.6'],
  map: [135, 'M3 6l6-2.5L15 6l6-2.5V18l-6 2.5L9 18l-6 2.5z', 'M9 3.5V18M15 6v14.5'],
  book: [260, 'M5 4.5a2 2 0 0 1 2-2h12v16H7a2 2 0 0 0-2 2z', 'M5 20.5a2 2 0 0 0 2 1h12v-3M9 7h6'],
  torch: [25, 'M12 2c3 3 4 5 2.5 8h-5C8 7 10.5 5.5 12 2z', 'M9 10h6l-1 4h-4zM11 14l.5 8h1l.5-8'],
  bomb: [240, 'M4 14.5a6.5 6.5 0 1 0 13 0 6.5 6.5 0 1 0-13 0z', 'M14.5 9.5l2-2c1-1.5 2.5-1.5 3.5-3.5M7.5 13.5a3 3 0 0 1 2-2.3'],
  chest: [30, 'M3.5 20V9a4 4 0 0 1 4-4h9a4 4 0 0 1 4 4v11z', 'M3.5 11.5h17M12 10v4'],
  coin: [44, 'M3.5 12a8.5 8.5 0 1 0 17 0 8.5 8.5 0 1 0-17 0z', 'M7 12a5 5 0 1 0 10 0 5 5 0 1 0-10 0M12 9.5v5'],
  ticket: [330, 'M3 7h18v3.5a2 2 0 0 0 0 4V18H3v-3.5a2 2 0 0 0 0-4z', 'M14.5 7v2M14.5 11.5v2M14.5 16v2'],
  seat: [200, 'M7 3.5h10v9H7z', 'M4.5 9v8h15V9M7 17v4M17 17v4M4.5 13h15'],
  apple: [350, 'M12 8c-2-1.5-7.5-1.5-7.5 4.5 0 5 3 8.5 5 8.5 1 0 1.5-.5 2.5-.5s1.5.5 2.5.5c2 0 5-3.5 5-8.5 0-6-5.5-6-7.5-4.5z', 'M12 8c0-2.5 1-4 3-5'],
  turn: [155, 'M6.5 3.5h11c0 5-4 6-4 8.5s4 3.5 4 8.5h-11c0-5 4-6 4-8.5s-4-3.5-4-8.5z', 'M5 3.5h14M5 20.5h14'],
  ship: [200, 'M3.5 15h17l-3 5.5h-11z', 'M12 15V3c4 2 6 5 6.5 9H12M9.5 5.5C7.5 7 6 9.5 5.5 12h4z'],
  house: [10, 'M4 11.5L12 4l8 7.5v9H4z', 'M10 20.5v-6h4v6'],
  tower: [215, 'M6 21V10H4.5V4h3v2h3V4h3v2h3V4h3v6H18v11z', 'M10.5 21v-4a1.5 1.5 0 0 1 3 0v4'],
  // Of everything else.
  gift: [345, 'M4 10h16v11H4z', 'M3 6.5h18V10H3zM12 6.5V21M12 6.5C9 6.5 7 5 8 3.5s3.5 0 4 3c.5-3 3-4.5 4-3s-1 3-4 3'],
  die: [0, 'M4 4h16v16H4z', 'M8 8v.1M16 8v.1M12 12v.1M8 16v.1M16 16v.1'],
  compass: [190, 'M3 12a9 9 0 1 0 18 0 9 9 0 1 0-18 0z', 'M15.5 8.5l-2 5-5 2 2-5z'],
  puzzle: [275, 'M4 7h5c-1-3 .5-4.5 2-4.5S14 4 13 7h5v5c3-1 4.5.5 4.5 2S21 17 18 16v5H4z', ''],
  magnet: [350, 'M5 4h4v8a3 3 0 0 0 6 0V4h4v8a7 7 0 0 1-14 0z', 'M5 8h4M15 8h4'],
};
const OTHERS = ['gift', 'die', 'compass', 'puzzle', 'magnet'];
/** Words that share a drawing with another one. */
const ALIASES = {
  wand: 'staff', scroll: 'book', lamp: 'torch', mount: 'horse', gold: 'coin', castle: 'tower', medal: 'trophy', armor: 'shield',
};

/** The assets of a race; each has its own icon. */
export const RACE_LABELS = [
  'crown', 'gem', 'trophy', 'rocket', 'star', 'moon', 'key', 'melon', 'cake', 'anchor', 'balloon', 'comet', 'saucer', 'crystal',
  'cherry', 'pizza', 'owl', 'octopus', 'cactus', 'bell', 'heart', 'bolt',
];

/** The picture of an asset, by a known word in its name; otherwise an arbitrary but constant one. */
export function iconOf(label) {
  const [hue, shape, lines] = DRAWINGS[drawingOf(label)];
  const picture = makeSvg('svg', { class: 'art', viewBox: '0 0 24 24', 'aria-hidden': 'true' },
    makeSvg('path', { class: 'art-shape', d: shape }), makeSvg('path', { d: lines }));
  picture.style.setProperty('--hue', String(hue));
  return picture;
}

function drawingOf(label) {
  for (const word of label.toLowerCase().split(/[^a-z]+/).reverse()) {
    const name = Object.hasOwn(ALIASES, word) ? ALIASES[word] : word;
    if (Object.hasOwn(DRAWINGS, name)) return name;
  }
  return OTHERS[hashOf(label) % OTHERS.length];
}
