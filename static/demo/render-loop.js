const HIDDEN_TAB_MS = 250;

/**
 * Returns `paint()`. However often it is called, `draw` runs once per frame, so that thousands of grants a second cost
 * sixty drawings. A hidden tab has no frames and draws by a slow timer.
 */
export function renderLoop(draw) {
  let due = false;
  const run = () => {
    if (!due) return;
    due = false;
    draw();
  };
  return () => {
    if (due) return;
    due = true;
    if (document.hidden) setTimeout(run, HIDDEN_TAB_MS);
    else requestAnimationFrame(run);
  };
}
