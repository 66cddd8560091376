// The types of the package, which TypeScript makes from the JSDoc of its sources.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const local = (path) => fileURLToPath(new URL(path, import.meta.url));

/** The source of each entry of the package. */
export const SOURCES = {
  index: local('../../static/asset-arbiter.js'),
  react: local('src/react.js'),
  admin: local('src/admin.js'),
};

const OPTIONS = {
  allowJs: true, checkJs: true, declaration: true, emitDeclarationOnly: true, outDir: '/types',
  strict: true, noImplicitReturns: true, noUnusedLocals: true, noUnusedParameters: true, skipLibCheck: true,
  target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022, moduleResolution: ts.ModuleResolutionKind.Bundler,
  lib: ['lib.es2022.d.ts', 'lib.dom.d.ts'], types: [], paths: { 'asset-arbiter': [SOURCES.index] },
};

export const PROGRAM = ts.createProgram(Object.values(SOURCES), OPTIONS);

/** The declarations of each entry, by its name. Throws what the type check finds. */
export function declarations() {
  const emitted = new Map();
  const { diagnostics } = PROGRAM.emit(undefined, (_, text, __, ___, [source]) => emitted.set(source.fileName, text));
  const faults = [...ts.getPreEmitDiagnostics(PROGRAM), ...diagnostics];
  if (faults.length > 0) throw new Error(ts.formatDiagnostics(faults, HOST));
  const typesOf = (source) => moduleComment(source) + publicPart(emitted.get(source));
  return Object.fromEntries(Object.entries(SOURCES).map(([entry, source]) => [entry, typesOf(source)]));
}

const HOST = { getCanonicalFileName: (name) => name, getCurrentDirectory: () => '/', getNewLine: () => '\n' };

/**
 * What an importer can reach. TypeScript exports every `@typedef` of a module, also of what the module keeps to itself.
 * @param {string} text
 */
function publicPart(text) {
  const file = ts.createSourceFile('entry.d.ts', text, ts.ScriptTarget.ES2022, true);
  const declared = new Map(file.statements.flatMap((one) => namesOf(one).map((name) => [name, one])));
  const kept = new Set();
  const keep = (statement) => {
    if (kept.has(statement)) return;
    kept.add(statement);
    const visit = (node) => {
      if (ts.isIdentifier(node) && declared.has(node.text)) keep(declared.get(node.text));
      ts.forEachChild(node, visit);
    };
    visit(statement);
  };
  file.statements.filter(isValue).forEach(keep);
  return file.statements.filter((one) => kept.has(one)).map((one) => `${withItsComment(one, text)}\n`).join('');
}

/** @param {ts.Statement} statement */
function namesOf(statement) {
  if (ts.isVariableStatement(statement)) return statement.declarationList.declarations.map(({ name }) => name.getText());
  return statement.name ? [statement.name.text] : [];
}

/** Whether a statement exports more than a type. */
function isValue(statement) {
  const exported = statement.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
  return exported && !ts.isTypeAliasDeclaration(statement);
}

/** A statement with the comment right before it; comments of others that were left out stand before that one. */
function withItsComment(statement, text) {
  const comments = ts.getLeadingCommentRanges(text, statement.getFullStart()) ?? [];
  const last = comments.at(-1);
  const comment = last ? text.slice(last.pos, last.end) : '';
  const own = comment !== '' && !/@typedef|@module/.test(comment) ? `${comment}\n` : '';
  return own + statement.getText();
}

/** The comment of a module, which TypeScript drops or keeps somewhere among the others. */
function moduleComment(source) {
  return readFileSync(source, 'utf8').match(/^\/\*\*\n(?: \*.*\n)*? \* @module .*\n \*\/\n/m)[0];
}
