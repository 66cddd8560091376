/** A time of day, with the date if it is not today. */
export function clockTime(ms) {
  const at = new Date(ms);
  const time = at.toLocaleTimeString('en-GB');
  return at.toDateString() === new Date().toDateString() ? time : `${at.toLocaleDateString('en-CA')} ${time}`;
}

const UNITS = [['d', 86_400], ['h', 3600], ['min', 60], ['s', 1]];

/** A time span in its two largest units: 4 s, 10 min, 3 min 20 s, 2 h 5 min, 6 d 3 h. */
export function span(ms) {
  let seconds = Math.max(0, Math.round(ms / 1000));
  const parts = UNITS.map(([unit, length]) => {
    const number = Math.floor(seconds / length);
    seconds %= length;
    return { number, text: `${number} ${unit}` };
  });
  const first = Math.max(0, parts.findIndex(({ number }) => number > 0));
  const [large, small] = first === 0 && parts[0].number === 0 ? [parts.at(-1)] : parts.slice(first);
  return small?.number > 0 ? `${large.text} ${small.text}` : large.text;
}
