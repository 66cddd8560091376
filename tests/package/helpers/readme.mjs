// What the README shows to begin with, made to play against a server.
import { ROOT, read } from './project.mjs';

const [, section] = read(ROOT, 'README.md').split('\n## Client library\n');
const blocks = [...section.split('\n## ')[0].matchAll(/```(jsx?)\n([^]*?)```/g)];
const shown = (kind, test) => blocks.find(([, found, code]) => found === kind && code.includes(test))[2];
const at = (code, url) => code.replaceAll('http://127.0.0.1:8080', url);

/** The first lines, as a module. */
export const lines = (url) => at(shown('js', 'joinRoom'), url);

/** The same as a function `play`, for where a module may not wait. The import stays on top. */
export function asFunction(url) {
  const [, head, body] = lines(url).match(/^(import .*\n)([^]*)$/);
  return `${head}\nasync function play() {\n${body}}\n`;
}

/** The component of React. */
export const component = (url) => at(shown('jsx', 'useRoom'), url);

/** What the game's own server does, as a module. */
export const admin = (url) => at(shown('js', 'Admin'), url);

/** What the lines print once they have won. */
export const WON = /^mine \{/m;
