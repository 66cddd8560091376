import { AUTO, Game, Scale } from 'phaser';
import { Arena } from './arena';
import { HEIGHT, WIDTH } from './gems';

new Game({
  type: AUTO,
  parent: 'arena',
  width: WIDTH,
  height: HEIGHT,
  backgroundColor: '#1b2030',
  banner: false,
  audio: { noAudio: true },
  scale: { mode: Scale.FIT },
  scene: Arena,
});
