import { GameObjects, Input, Math as Maths, Scene } from 'phaser';
import { type Gem, HEIGHT, WIDTH } from './gems';
import { isTaken, nameOf, presentWave, room } from './room';
import { say } from './hud';

const SPEED = 260; // pixels a second
const REACH = 30;

export class Arena extends Scene {
  private me!: GameObjects.Arc;
  private keys!: Record<string, Input.Keyboard.Key>;
  private goal: Maths.Vector2 | null = null;
  private gems = new Map<string, { gem: Gem; shape: GameObjects.Star }>();
  /** The gems that the player touches and has asked for. */
  private asked = new Set<string>();

  create() {
    this.keys = this.input.keyboard!.addKeys('W,A,S,D,UP,LEFT,DOWN,RIGHT,SPACE') as Record<string, Input.Keyboard.Key>;
    this.keys.SPACE!.on('down', () => (this.goal = this.nearestGem()));
    this.input.on('pointerdown', ({ worldX, worldY }: Input.Pointer) => (this.goal = new Maths.Vector2(worldX, worldY)));
    this.me = this.add.circle(WIDTH / 2, HEIGHT / 2, 16, 0x4cc9f0).setDepth(1);
    room.on('granted', ({ asset, player, mine }) => this.fly(asset, mine ? '+1' : nameOf(player)));
    for (const event of ['granted', 'released', 'changed', 'snapshot'] as const) room.on(event, () => this.drawGems());
    this.drawGems();
    this.game.canvas.parentElement!.ariaBusy = 'false';
  }

  override update(_time: number, ms: number) {
    this.walk((SPEED * ms) / 1000);
    for (const { gem } of this.gems.values()) {
      const touches = Maths.Distance.BetweenPoints(this.me, gem) < REACH;
      if (!touches) this.asked.delete(gem.asset);
      else if (room.state === 'connected' && !this.asked.has(gem.asset)) void this.grab(gem);
    }
  }

  /** Asks the server for a gem. Only its answer counts, however close the player is. */
  private async grab({ asset }: Gem) {
    this.asked.add(asset);
    try {
      const { granted } = await room.select(asset);
      const winner = room.assets.get(asset)?.holders[0]?.player;
      say(granted ? 'The gem is yours' : `Too late: ${winner ? nameOf(winner) : 'somebody'} was first`);
    } catch (error) {
      say(`No gem: ${(error as Error).message}`);
    }
  }

  private nearestGem() {
    const far = ({ gem }: { gem: Gem }) => Maths.Distance.BetweenPoints(this.me, gem);
    const [nearest] = [...this.gems.values()].sort((a, b) => far(a) - far(b));
    return nearest ? new Maths.Vector2(nearest.gem) : null;
  }

  private walk(step: number) {
    const { W, A, S, D, UP, LEFT, DOWN, RIGHT } = this.keys;
    const held = (...keys: (Input.Keyboard.Key | undefined)[]) => Number(keys.some((key) => key?.isDown));
    const way = new Maths.Vector2(held(D, RIGHT) - held(A, LEFT), held(S, DOWN) - held(W, UP));
    if (way.length() > 0) this.goal = null;
    else if (this.goal) way.copy(this.goal).subtract(this.me);
    if (this.goal && way.length() <= step) this.goal = null;
    else way.setLength(way.length() && step);
    this.me.setPosition(Maths.Clamp(this.me.x + way.x, 16, WIDTH - 16), Maths.Clamp(this.me.y + way.y, 16, HEIGHT - 16));
  }

  private drawGems() {
    const free = new Map(presentWave().filter((gem) => !isTaken(gem)).map((gem) => [gem.asset, gem]));
    for (const [asset, { shape }] of this.gems) {
      if (free.has(asset)) continue;
      shape.destroy();
      this.gems.delete(asset);
    }
    for (const [asset, gem] of free) {
      if (!this.gems.has(asset)) this.gems.set(asset, { gem, shape: this.add.star(gem.x, gem.y, 4, 7, 15, 0xf7b801) });
    }
  }

  /** Shows where a gem was and who has it now. */
  private fly(asset: string, text: string) {
    const gem = this.gems.get(asset)?.gem;
    if (!gem) return;
    const label = this.add.text(gem.x, gem.y, text, { fontSize: '18px' }).setOrigin(0.5);
    this.tweens.add({ targets: label, y: gem.y - 40, alpha: 0, duration: 1500, onComplete: () => label.destroy() });
  }
}
