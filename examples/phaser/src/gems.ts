export const WIDTH = 800;
export const HEIGHT = 500;
const COLUMNS = 4;
const ROWS = 2;

export type Gem = { asset: string; x: number; y: number };

/** The gems of a wave, one in each cell of a grid. Names and places follow from the number: all players see the same. */
export function wave(number: number): Gem[] {
  return Array.from({ length: COLUMNS * ROWS }, (_, index) => {
    const [column, row] = [index % COLUMNS, Math.floor(index / COLUMNS)];
    const seed = number * COLUMNS * ROWS + index;
    return {
      asset: `gem-${number}-${index}`,
      x: Math.round(((column + 0.25 + 0.5 * scatter(seed)) * WIDTH) / COLUMNS),
      y: Math.round(((row + 0.2 + 0.6 * scatter(seed * 3)) * HEIGHT) / ROWS),
    };
  });
}

/** Numbers of [0, 1), far apart for neighbours (multiples of the golden ratio). */
const scatter = (seed: number) => (seed * 0.618034) % 1;
