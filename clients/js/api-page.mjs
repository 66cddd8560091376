// The page of the API, `docs/client-api.md`, from the declarations and their comments.
import ts from 'typescript';

const TITLE = `# API of the client library

Made from the comments in [\`static/asset-arbiter.js\`](../static/asset-arbiter.js) and [\`clients/js/src\`](../clients/js/src)
by \`npm run build\` in \`clients/js\`. The [README](../README.md#client-library) says how to begin.
`;

const IMPORTS = { index: 'asset-arbiter', react: 'asset-arbiter/react', admin: 'asset-arbiter/admin' };

/** @param {Record<string, string>} declarations  of each entry, by its name */
export function apiPage(declarations) {
  const entries = Object.entries(declarations).map(([entry, text]) => section(IMPORTS[entry], text));
  return [TITLE, ...entries].join('\n');
}

function section(name, text) {
  const file = ts.createSourceFile('entry.d.ts', text, ts.ScriptTarget.ES2022, true);
  const [intro] = text.split('*/\n', 1);
  const shown = file.statements.filter((one) => !isReExport(one));
  const ordered = KINDS.flatMap((kind) => shown.filter((one) => one.kind === kind));
  return [`## \`${name}\`\n`, introOf(intro), ...ordered.map((one) => statement(one))].join('\n');
}

/** What comes first on the page. */
const KINDS = [
  ts.SyntaxKind.FunctionDeclaration, ts.SyntaxKind.ClassDeclaration, ts.SyntaxKind.VariableStatement,
  ts.SyntaxKind.TypeAliasDeclaration,
];

/** A type that is another entry's. */
const isReExport = (node) => ts.isTypeAliasDeclaration(node) && ts.isImportTypeNode(node.type);

function introOf(comment) {
  const lines = comment.split('\n').slice(1).map((line) => line.replace(/^ \* ?/, ''));
  return withCode(lines.filter((line) => !line.startsWith('@')).join('\n').trim());
}

/** Code that is set off by four spaces becomes a block with its language. */
function withCode(text) {
  return `${text.replace(/(?:^ {4}.*\n?)+/gm, (code) => `\`\`\`js\n${code.replace(/^ {4}/gm, '').trim()}\n\`\`\`\n`)}\n`;
}

function statement(node) {
  const parts = [`### \`${nameOf(node)}\`\n`];
  if (ts.isClassDeclaration(node)) parts.push(commentOf(node), ...node.members.filter(isShown).map(member));
  else if (ts.isTypeAliasDeclaration(node)) parts.push(commentOf(node), typeOf(node.type));
  else parts.push(signature(node), commentOf(node));
  return parts.filter((part) => part !== '').join('\n');
}

const nameOf = (node) => (ts.isVariableStatement(node) ? node.declarationList.declarations[0].name : node.name).getText();

const isShown = (node) => !ts.isPrivateIdentifier(node.name ?? node) && !isPrivate(node);
const isPrivate = (node) => node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword);

function member(node) {
  const { name } = node.parent;
  const title = ts.isConstructorDeclaration(node) ? `new ${name.text}` : `${name.text}.${node.name.text}`;
  return [`#### \`${title}\`\n`, signature(node), commentOf(node)].filter((part) => part !== '').join('\n');
}

function signature(node) {
  return `\`\`\`ts\n${node.getText().replace(/^export /, '')}\n\`\`\`\n`;
}

/** The text of a comment, its parameters, and what it returns and throws. */
function commentOf(node) {
  const [doc] = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc);
  if (!doc) return '';
  const text = plain(doc.comment);
  const tags = (doc.tags ?? []).map(tagLine).filter((line) => line !== '');
  return [text, ...(tags.length > 0 ? [tags.join('\n')] : [])].filter((part) => part !== '').map((part) => `${part}\n`).join('\n');
}

function tagLine(tag) {
  const text = oneLine(plain(tag.comment));
  if (text === '') return '';
  switch (tag.tagName.text) {
    case 'param': return `- \`${tag.name.getText()}\`: ${text}`;
    case 'returns': return `- returns: ${text}`;
    case 'throws': return `- throws ${tag.typeExpression ? `\`${tag.typeExpression.type.getText()}\` ` : ''}${text}`;
    default: return '';
  }
}

const plain = (comment) => (ts.getTextOfJSDocComment(comment) ?? '').trim();
const oneLine = (text) => text.replace(/\s+/g, ' ');

/** An object as a table of its fields, any other type as it is written. */
function typeOf(type) {
  if (!ts.isTypeLiteralNode(type)) return `\`\`\`ts\n${type.getText()}\n\`\`\`\n`;
  const rows = type.members.map((field) => {
    const optional = field.questionToken ? '?' : '';
    const text = oneLine(plain(ts.getJSDocCommentsAndTags(field)[0]?.comment));
    const cells = [`\`${field.name.getText()}${optional}\``, `\`${oneLine(field.type.getText())}\``, text];
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  });
  return ['| field | type | |', '|---|---|---|', ...rows, ''].join('\n');
}
