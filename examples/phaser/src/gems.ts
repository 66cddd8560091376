export const WIDTH = 800;
export const HEIGHT = 500;
const COLUMNS = 4;
const ROWS = 2;

export type Gem = { asset: string; x: number; y: number };

/** The gems of a wave. Their places follow from their names, so all players see the same arena. */
export function wave(number: number): Gem[] {
  return Array.from({ length: COLUMNS * ROWS }, (_, index) => {
    const asset = `gem-${number}-${index}`;
    const [column, row] = [index % COLUMNS, Math.floor(index / COLUMNS)];
    return {
      asset,
      x: Math.round(((column + 0.3 + 0.4 * random(`x ${asset}`)) * WIDTH) / COLUMNS),
      y: Math.round(((row + 0.2 + 0.6 * random(`y ${asset}`)) * HEIGHT) / ROWS),
    };
  });
}

/** A number of [0, 1) that depends on the text alone (FNV-1a). */
function random(text: string): number {
  let hash = 2166136261;
  for (const letter of text) hash = Math.imul(hash ^ letter.charCodeAt(0), 16777619) >>> 0;
  return hash / 2 ** 32;
}
