/**
 * Plays one race like a person at the keyboard: looks for an open card, presses its key after `reaction()` ms, looks again.
 * Returns the number of units won.
 */
export async function playRace(tab, reaction) {
  await tab.page.click('#race');
  await tab.phase('countdown');
  await tab.raceCards.nth(5).waitFor();
  const reactions = Array.from({ length: 40 }, reaction);
  await tab.page.evaluate(async (waits) => {
    const panel = document.querySelector('#race-panel');
    const frame = () => new Promise((resolve) => { requestAnimationFrame(resolve); });
    while (panel.dataset.phase === 'countdown') await frame();
    for (const ms of waits) {
      const open = [...panel.querySelectorAll('.card[data-state=open]')];
      if (open.length === 0) return;
      const card = open[Math.floor(Math.random() * open.length)];
      await new Promise((resolve) => { setTimeout(resolve, ms); });
      const code = `Digit${card.querySelector('kbd').textContent}`;
      document.dispatchEvent(new KeyboardEvent('keydown', { code }));
      await frame();
    }
  }, reactions);
  await tab.phase('over');
  return tab.page.locator('#race-cards .card[data-state=mine]').count();
}
