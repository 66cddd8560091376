/** A tab with the demo page, in a player's words. Everything waits for what it asks for. */
export class Player {
  constructor(page) {
    this.page = page;
  }

  card(asset) {
    return this.page.locator(`.card[data-asset="${asset}"]`);
  }

  /** The cards of the race on the stage. */
  get raceCards() {
    return this.page.locator('#race-cards .card');
  }

  async connected() {
    await this.connection('connected');
    await this.page.waitForSelector('.card');
  }

  async connection(state) {
    await this.page.waitForSelector(`#connection[data-state=${state}]`);
  }

  grab(asset) {
    return this.card(asset).locator('.grab').click();
  }

  /** Puts the pointer on the card, so that `strike` needs no time to find it. */
  aim(asset) {
    return this.card(asset).locator('.grab').hover();
  }

  /** Clicks where the pointer is, at once. */
  async strike() {
    await this.page.mouse.down();
    await this.page.mouse.up();
  }

  release(asset) {
    return this.card(asset).locator('.release').click();
  }

  /** Waits until the card is in this state: open, pending, locked, gone or mine. */
  async cardIs(asset, state) {
    await this.page.waitForSelector(`.card[data-asset="${asset}"][data-state=${state}]`);
  }

  /** Waits for what came of a grab and returns its kind: won, missed, early, failed or released. */
  async outcome(asset) {
    await this.page.waitForSelector(`.card[data-asset="${asset}"]:is(${OUTCOMES})`);
    return this.card(asset).getAttribute('data-outcome');
  }

  /** The text under the button, such as “in 1.2 ms”. */
  saying(asset) {
    return this.card(asset).locator('.outcome').textContent();
  }

  remaining(asset) {
    return this.card(asset).getAttribute('data-remaining').then(Number);
  }

  /** Who holds the asset according to its card. */
  holders(asset) {
    return this.card(asset).locator('.chip .name').allTextContents();
  }

  /** Who is here according to the page. */
  people() {
    return this.page.locator('#people .name').allTextContents();
  }

  async peopleAre(number) {
    await this.page.waitForFunction((want) => document.querySelectorAll('#people [data-player]').length === want, number);
  }

  async fed(text) {
    await this.page.locator('#feed .line', { hasText: text }).first().waitFor();
  }

  text(selector) {
    return this.page.locator(selector).textContent();
  }

  /** Starts a race and waits for its start. */
  async race() {
    await this.page.click('#race');
    await this.phase('open');
  }

  async phase(phase) {
    await this.page.waitForSelector(`#race-panel[data-phase=${phase}]`);
  }

  /** How much wider the page is than its window. */
  overflow() {
    return this.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  }
}

const OUTCOMES = ['won', 'missed', 'early', 'failed', 'released'].map((kind) => `[data-outcome=${kind}]`).join();
