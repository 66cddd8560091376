import { write } from '../demo/dom.js';
import { Refused } from '../demo/admin.js';

/**
 * Calls `step` at once and then `ms` after each end, unless the page is hidden. `problem` shows why the last call was refused.
 * Returns a function that ends this; `step` gets a function that says whether it has ended.
 */
export function every(ms, step, problem) {
  let ended = false;
  let timer = 0;
  const isOver = () => ended;
  const turn = async () => {
    if (!document.hidden) {
      const refusal = await step(isOver).then(() => '', messageOf);
      if (!ended) write(problem, refusal);
    }
    if (!ended) timer = setTimeout(turn, ms);
  };
  turn();
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}

/** Why a request was refused. Any other error is a fault of this page. */
export function messageOf(error) {
  if (error instanceof Refused) return error.message;
  throw error;
}

/** Returns a function that runs `draw` soon, once for all calls within `ms`. Its `end` cancels what is due. */
export function throttled(ms, draw) {
  let timer = 0;
  let last = -Infinity;
  const run = () => {
    timer = 0;
    last = performance.now();
    draw();
  };
  const soon = () => {
    timer ||= setTimeout(run, Math.max(0, last + ms - performance.now()));
  };
  soon.end = () => clearTimeout(timer);
  return soon;
}
