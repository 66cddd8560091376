import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from './helpers/server.mjs';
import { newRoom, suite } from './helpers/suite.mjs';

const PHONE = {
  viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, reducedMotion: 'reduce', colorScheme: 'dark',
};
/** Chromium logs every attempt to reach a server that is gone. */
const parts = suite({ browser: PHONE, except: /net::ERR_(CONNECTION_|SOCKET_NOT)/ });
const LONGEST = 'a-name-as-long-as-a-name-can-be:'.repeat(2);

test('on a phone nothing is wider than the screen, at the door and in a race with long names', async () => {
  const door = await parts.browser.open(parts.server.url);
  assert.equal(await door.overflow(), 0);
  await parts.server.create(LONGEST, LONGEST, 1_000_000);
  const ada = await parts.browser.join(parts.server, LONGEST, LONGEST);
  await ada.page.tap('#bots-five');
  await ada.peopleAre(6);
  await ada.card(LONGEST).locator('.grab').tap();
  await ada.cardIs(LONGEST, 'mine');
  assert.equal(await ada.overflow(), 0);
  await ada.page.tap('#race');
  await ada.phase('countdown');
  assert.equal(await ada.overflow(), 0);
  await ada.phase('open');
  await ada.raceCards.first().tap();
  await ada.page.waitForSelector('#race-cards .card:is([data-outcome=won], [data-outcome=missed])');
  assert.equal(await ada.overflow(), 0);
});

test('on a phone the bots are beside the race, and nothing speaks of keys until one is pressed', async () => {
  const ada = await parts.browser.join(parts.server, newRoom(), 'ada');
  await ada.page.waitForSelector('#race-panel #bots-one:visible');
  const box = (selector) => ada.page.locator(selector).boundingBox();
  const [race, bots] = [await box('#race'), await box('#bots-one')];
  const gap = bots.y + bots.height - race.y;
  assert.ok(gap > 0 && gap < 200, `${gap} px from the top of one button to the end of the other`);
  const hints = () => ada.page.locator('kbd:visible, .key-hint:visible').count();
  assert.equal(await hints(), 0);
  await ada.race();
  assert.equal(await ada.text('#race-note'), 'Grab what you can.');
  await ada.page.keyboard.press('1');
  await ada.page.waitForSelector('#race-cards kbd:visible');
  assert.ok(await hints() > 6);
});

test('on a phone the banner of a lost connection is below the header, and a grab that waits has its words', async (t) => {
  const server = await startServer();
  t.after(() => server.kill());
  const ada = await parts.browser.join(server, newRoom(), 'ada');
  await server.kill();
  await ada.connection('reconnecting');
  const box = (selector) => ada.page.locator(selector).boundingBox();
  for (const width of [320, 360, 390, 430]) {
    await ada.page.setViewportSize({ width, height: 740 });
    const [header, banner, race] = [await box('header'), await box('#banner'), await box('#race-panel')];
    const gap = banner.y - (header.y + header.height);
    assert.ok(gap >= 0 && gap < 20, `${gap} of ${width} px between the header and the banner`);
    assert.ok(banner.y + banner.height <= race.y, `at ${width} px the banner covers nothing`);
  }
  await ada.card('potion').locator('.grab').tap();
  await ada.page.waitForSelector('.card[data-asset=potion] .release:visible');
  const cut = await ada.page.$eval('.card[data-asset=potion] .grab', (grab) => grab.scrollWidth > grab.clientWidth);
  assert.equal(cut, false);
});

/** A window of 1,280 by 800 pixels, zoomed to 200 %, to 400 %, and with letters of twice their size. */
for (const [width, height, letters] of [[640, 400, 1], [320, 200, 1], [1280, 800, 2]]) {
  test(`zoomed to ${width} by ${height} pixels, with letters ${letters} times as large, the whole header is there`, async () => {
    const options = { viewport: { width, height }, isMobile: false, hasTouch: false };
    const ada = await parts.browser.open(parts.server.link('the-room-of-a-long-name', 'a-player-of-a-long-name'), { options });
    await ada.connected();
    await ada.page.evaluate((times) => { document.documentElement.style.fontSize = `${times * 100}%`; }, letters);
    const outside = await ada.page.$$eval('header :is(a, button, .room, .pill)', (parts, edge) => parts
      .filter((part) => part.checkVisibility())
      .map((part) => [part.outerHTML, part.getBoundingClientRect()])
      .filter(([, { left, right, width }]) => left < 0 || right > edge || width < 8)
      .map(([html]) => html), width);
    assert.deepEqual(outside, []);
    const overlaps = await ada.page.$$eval('.brand, .visit > *', (parts) => {
      const boxes = parts.filter((part) => part.checkVisibility()).map((part) => part.getBoundingClientRect());
      return boxes.some((a, i) => boxes.slice(i + 1).some((b) =>
        a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1));
    });
    assert.equal(overlaps, false);
    assert.equal(await ada.overflow(), 0);
    await ada.page.evaluate(() => scrollTo(0, 600));
    const covered = await ada.page.$eval('header', (header) => Math.max(0, header.getBoundingClientRect().bottom));
    assert.ok(covered < height / 4, `the header covers ${covered} of ${height} pixels`);
  });
}

test('no label is cut: the ticks of the plot, and the names of bots', async () => {
  for (const width of [360, 700, 1280]) {
    const options = { viewport: { width, height: 800 }, isMobile: false };
    const ada = await parts.browser.open(parts.server.link(newRoom(), 'ada'), { options });
    await ada.connected();
    for (let clicks = 0; clicks < 3; clicks++) await ada.page.click('#bots-five');
    await ada.peopleAre(16);
    await ada.page.waitForSelector('#plot .dot');
    // Each decade that the plot may show, so that its longest label is there.
    const ticks = await ada.page.evaluate(async () => {
      const { Plot } = await import(new URL('demo/plot.js', location.href));
      const plot = new Plot();
      for (const ms of [0.2, 5000]) plot.add('won', ms);
      plot.draw();
      return [...document.querySelectorAll('#plot .tick')].map((tick) => [tick.textContent, tick.getBBox().x]);
    });
    assert.deepEqual(ticks.map(([text]) => text), ['0.1 ms', '1 ms', '10 ms', '100 ms', '1 s', '10 s']);
    assert.deepEqual(ticks.filter(([, x]) => x < 0), [], `${width}`);
    const cut = await ada.page.$$eval('#people .name', (names) =>
      names.filter((name) => name.scrollWidth > name.clientWidth).map((name) => name.textContent));
    assert.deepEqual(cut, [], `${width}`);
  }
});

test('no picture of the page needs a font', async () => {
  const ada = await parts.browser.join(parts.server, newRoom(), 'ada');
  for (const asset of ['gold', 'some-thing', 'castle']) await parts.server.create(await ada.text('#room-name'), asset, 1);
  await ada.page.tap('#bots-one');
  await ada.page.tap('#race');
  await ada.raceCards.nth(5).waitFor();
  await ada.card('potion').locator('.grab').tap();
  await ada.fed('You took potion');
  const pictures = /[\p{Extended_Pictographic}\p{Emoji_Presentation}\u2190-\u21ff\u2600-\u27bf]/u;
  const text = await ada.page.evaluate(() => document.body.textContent);
  assert.equal(pictures.exec(text), null);
  const drawn = await ada.page.$$eval('.card-icon .art, .line-icon svg', (svgs) => svgs.map((svg) => svg.getBBox().width > 0));
  assert.ok(drawn.length > 8 && drawn.every(Boolean), `${drawn}`);
  const known = await ada.page.evaluate(async () => {
    const { iconOf, RACE_LABELS } = await import(new URL('demo/icons.js', location.href));
    return new Set(RACE_LABELS.map((label) => iconOf(label).innerHTML)).size === RACE_LABELS.length;
  });
  assert.ok(known, 'each asset of a race has a drawing of its own');
});

test('the countdown of a race comes into sight wherever the page is scrolled to', async () => {
  const ada = await parts.browser.join(parts.server, newRoom(), 'ada');
  await ada.page.locator('footer').scrollIntoViewIfNeeded();
  await ada.page.$eval('#race', (button) => button.click());
  await ada.phase('countdown');
  await ada.page.waitForFunction(() => {
    const { top, bottom } = document.querySelector('#countdown').getBoundingClientRect();
    return top >= 0 && bottom <= window.innerHeight;
  });
});

test('whoever prefers less motion sees none', async () => {
  const ada = await parts.browser.join(parts.server, newRoom(), 'ada');
  await ada.grab('sword');
  await ada.cardIs('sword', 'mine');
  assert.equal(await ada.page.evaluate(() => document.getAnimations().length), 0);
});

test('dark and light are two sets of colours', async () => {
  const ada = await parts.browser.join(parts.server, newRoom(), 'ada');
  const ground = () => ada.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await ground();
  await ada.page.emulateMedia({ colorScheme: 'light' });
  assert.notEqual(await ground(), dark);
});

test('of many assets a bounded number is drawn, and the page says so', async () => {
  const room = newRoom();
  for (let i = 0; i < 60; i++) await parts.server.create(room, `item-${i}`, 1);
  const ada = await parts.browser.join(parts.server, room, 'ada');
  await ada.page.waitForFunction(() => document.querySelectorAll('#stock .card').length === 48);
  assert.match(await ada.text('#stock-more'), /^and 14 more/);
});
