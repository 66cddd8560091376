// The names of properties that neither a player's code nor a server sees, which the minified file may shorten.
import ts from 'typescript';

/**
 * The properties that a source gives to its own objects. A name is left out if it also is
 * - in the public types,
 * - a property of something that is not made here: of JavaScript, of the page, or of a frame, whose type is open,
 * - in a message, which is an object with a `type`,
 * - a string.
 * @param {ts.Program} program
 * @param {string} path  of the source
 * @param {string} publicTypes  its declarations
 */
export function internalNames(program, path, publicTypes) {
  const source = program.getSourceFile(path);
  const checker = program.getTypeChecker();
  const made = new Set();
  const others = new Set(publicTypes.replace(/\/\*[^]*?\*\//g, '').match(/\w+/g));
  const visit = (node) => {
    if (ts.isStringLiteralLike(node)) others.add(node.text);
    if (ts.isIdentifier(node) && namesProperty(node)) {
      if (isMade(node)) made.add(node.text);
      if (!isOwn(propertyOf(node, checker), source) || isInMessage(node)) others.add(node.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return [...made].filter((name) => !others.has(name)).sort();
}

/** Whether an identifier makes a property of an object or a class. */
function isMade({ parent }) {
  return ts.isObjectLiteralExpression(parent.parent) || ts.isClassElement(parent);
}

/** Whether an identifier is a property's name: where one is made, read or taken out of an object. */
function namesProperty(node) {
  const { parent } = node;
  if (ts.isBindingElement(parent)) {
    return ts.isObjectBindingPattern(parent.parent) && (parent.propertyName ?? parent.name) === node;
  }
  return parent.name === node
    && (ts.isPropertyAccessExpression(parent) || ts.isObjectLiteralElementLike(parent) || ts.isClassElement(parent));
}

/** The property that is named; undefined if its type does not tell. */
function propertyOf(node, checker) {
  const { parent } = node;
  return ts.isBindingElement(parent)
    ? checker.getTypeAtLocation(parent.parent).getProperty(node.text)
    : checker.getSymbolAtLocation(node);
}

function isOwn(property, source) {
  return property?.declarations?.length > 0 && property.declarations.every((one) => one.getSourceFile() === source);
}

function isInMessage({ parent: { parent } }) {
  return ts.isObjectLiteralExpression(parent) && parent.properties.some(({ name }) => name?.getText() === 'type');
}
