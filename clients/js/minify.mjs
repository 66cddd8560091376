// Makes the minified file: esbuild bundles it and shortens the names of internal properties, terser does the rest.
import { build } from 'esbuild';
import { writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { minify } from 'terser';

const TERSER = {
  ecma: 2022, module: true,
  compress: { passes: 4, keep_fargs: false, pure_getters: true, reduce_funcs: false, unsafe_methods: true },
};

/**
 * Writes the file and its source map.
 * @param {string} file
 * @param {import('esbuild').BuildOptions} options
 * @param {string[]} internalNames
 */
export async function makeMinified(file, options, internalNames) {
  const mangleProps = new RegExp(`^(${internalNames.join('|')})$`);
  const { outputFiles: [map, code] } = await build({
    ...options, outfile: file, format: 'esm', minify: true, mangleProps, sourcemap: 'external', write: false,
  });
  const url = `${basename(file)}.map`;
  const made = await minify(code.text, { ...TERSER, sourceMap: { content: map.text, includeSources: true, url } });
  writeFileSync(file, `${made.code}\n`);
  writeFileSync(`${file}.map`, made.map);
}
