// The console on every screen, by keyboard alone, and for those who do not see it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asAdmin, keyFlags, KEYS, openConsole, REFUSED, SHAPES } from './helpers/console.mjs';
import { newRoom, suite } from './helpers/suite.mjs';

const parts = suite({ args: await keyFlags(), browser: { reducedMotion: 'reduce' }, except: REFUSED });
const LONGEST = 'a-name-as-long-as-a-name-can-be:'.repeat(2);
const LONGEST_PLAYER = LONGEST.repeat(2);

/** A room with the longest names, and one with a hold. */
async function furnish() {
  for (const [room, asset, player] of [[LONGEST, LONGEST, LONGEST_PLAYER], ['hall', 'seat', 'ann']]) {
    await asAdmin(parts.server, 'PUT', `/v1/rooms/${room}/assets/${asset}`, { units: 1_000_000, hold_ms: 600_000, cooldown_ms: 5000 });
    await asAdmin(parts.server, 'POST', `/v1/rooms/${room}/assets/${asset}/select`, { player });
  }
}

for (const [shape, options] of Object.entries(SHAPES)) {
  test(`every view fits a ${shape} and has no violation`, async () => {
    await furnish();
    const operator = await openConsole(parts, { options });
    const look = (view) => operator.assertLegible(`${view}, ${shape}`);
    await operator.page.waitForSelector('#key:focus');
    await look('the door');
    await operator.page.fill('#key', 'wrong');
    await operator.page.keyboard.press('Enter');
    await operator.page.locator('#key-error', { hasText: 'refused' }).waitFor();
    await look('the door after a wrong key');
    await operator.signIn(KEYS.admin);
    await operator.row('Rooms', LONGEST);
    await look('rooms');
    await operator.page.fill('#prefix', 'nowhere');
    await operator.page.locator('.empty', { hasText: 'nowhere' }).waitFor();
    await look('no rooms');
    const go = (hash) => operator.page.evaluate((to) => { location.hash = to; }, hash);
    for (const [room, asset, player] of [[LONGEST, LONGEST, LONGEST_PLAYER], ['hall', 'seat', 'ann']]) {
      await go(`room/${room}`);
      await operator.live();
      await parts.browser.join(parts.server, room, player).then(({ page }) => page.bringToFront());
      await operator.page.bringToFront();
      await operator.button(asset).click();
      await operator.row('Holders', player);
      await operator.row('Players', player);
      await look(`the room ${room}`);
    }
    await operator.button('Create asset').click();
    await look('the question for an asset');
    await operator.page.keyboard.press('Escape');
    await operator.button('Kick ann').click();
    await look('the question before a kick');
    await operator.page.keyboard.press('Escape');
    await go(`player/${LONGEST_PLAYER}`);
    await operator.row('Rooms and holdings', LONGEST, LONGEST);
    await look('a player');
    await go('player');
    await operator.page.locator('.hint', { hasText: 'Name a player' }).waitFor();
    await look('no player');
    await go('health');
    await operator.page.locator('.figures dd', { hasText: 'MiB' }).waitFor();
    await look('health');
  });
}

for (const width of [1280, 768, 390]) {
  test(`everything can be done by keyboard alone, ${width} pixels wide`, async () => {
    const room = newRoom();
    await asAdmin(parts.server, 'PUT', `/v1/rooms/${room}/assets/seat`, { units: 1 });
    await asAdmin(parts.server, 'POST', `/v1/rooms/${room}/assets/seat/select`, { player: 'ann' });
    const operator = await openConsole(parts, { options: { viewport: { width, height: 800 } } });
    const { keyboard } = operator.page;
    const tabTo = async (what) => {
      for (let presses = 0; presses < 60; presses += 1) {
        await keyboard.press('Tab');
        const { name, isRinged, isCovered } = await focus(operator.page);
        assert.ok(isRinged, `${name} shows that it has the focus`);
        assert.equal(isCovered, false, `${name} is behind the header`);
        if (name === what) return;
      }
      assert.fail(`Tab does not reach ${what}`);
    };
    await operator.page.waitForSelector('#key:focus');
    await keyboard.type(KEYS.admin);
    await keyboard.press('Enter');
    await operator.row('Rooms', room);
    await tabTo(room);
    await keyboard.press('Enter');
    await operator.live();
    await operator.row('Assets', 'seat');
    await tabTo('seat');
    await keyboard.press('Enter');
    await operator.row('Holders', 'ann');
    await tabTo('Release ann');
    await keyboard.press('Enter');
    await operator.page.waitForFunction(() => document.activeElement.textContent === 'Cancel');
    await keyboard.press('Tab');
    await keyboard.press('Enter');
    await operator.page.locator('.toast', { hasText: 'ann holds seat no longer' }).waitFor();
    await operator.noRow('Holders', 'ann');
    await tabTo('Sign out');
    await keyboard.press('Enter');
    await operator.page.waitForSelector('#key:focus');
  });
}

test('what gets the focus backwards is not behind the header of a phone', async () => {
  for (let n = 0; n < 30; n += 1) await asAdmin(parts.server, 'PUT', `/v1/rooms/${newRoom()}/assets/seat`, { units: 1 });
  const operator = await openConsole(parts, { role: 'viewer', options: SHAPES['light phone'] });
  await operator.page.waitForFunction(() => document.querySelectorAll('tbody tr').length >= 30);
  for (let presses = 0; presses < 40; presses += 1) {
    await operator.page.keyboard.press('Shift+Tab');
    const { name, isCovered } = await focus(operator.page);
    assert.equal(isCovered, false, `${name} is behind the header`);
  }
});

/** What has the focus: its name, whether it shows it, and whether the header covers some of it. */
const focus = (page) => page.evaluate(() => {
  const { activeElement: element } = document;
  const header = document.querySelector('header');
  return {
    name: element.ariaLabel ?? element.textContent.trim(),
    isRinged: element === document.body || getComputedStyle(element).outlineStyle !== 'none',
    isCovered: element !== document.body && !header.contains(element)
      && element.getBoundingClientRect().top < header.getBoundingClientRect().bottom,
  };
});
