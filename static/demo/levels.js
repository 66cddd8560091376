/** The fastest reaction of a person, about. */
const FASTEST_MS = 180;

/**
 * How quick bots are: the milliseconds between two grabs of all bots of a page together. The more bots, the slower each, so
 * that twenty leave as much to a person as two do: about half, a third or a seventh of a race.
 */
export const LEVELS = { easy: 560, medium: 280, hard: 100 };

/** A bot's next reaction in ms, when there are `bots` of them: with a long tail of slow ones, as people have. */
export function reaction(level, bots) {
  return Math.max(FASTEST_MS, -Math.log(1 - Math.random()) * LEVELS[level] * bots);
}
