import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { require } from '../../js/helpers/deps.mjs';

const SOURCE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice', 'experimental'];

/** Fails if axe-core finds a violation on the page as it is. */
export async function assertAccessible(tab, view) {
  // Colours that are on their way to others have no contrast to judge.
  await tab.page.evaluate(() => Promise.all(document.getAnimations()
    .filter(({ effect }) => effect.getComputedTiming().iterations < Infinity).map(({ finished }) => finished.catch(() => {}))));
  await tab.page.evaluate(SOURCE);
  const { violations, passes } = await tab.page.evaluate((values) => axe.run({ runOnly: { type: 'tag', values } }), TAGS);
  const found = violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`));
  assert.deepEqual(found, [], view);
  assert.ok(passes.length > 20, `${view}: axe-core looked at ${passes.length} rules`);
}
