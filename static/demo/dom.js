/** Finds the one element of the page with this id. */
export const byId = (id) => document.getElementById(id);

/**
 * Makes an element. Strings become attributes, everything else a property; children are elements
 * or text, never markup, so that no name a player chose can ever become part of the page's code.
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'string') element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

const SVG = 'http://www.w3.org/2000/svg';

/** Makes an SVG element with the given attributes. */
export function makeSvg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** One of the page's own icons (the symbols at the top of index.html). */
export function symbol(name) {
  const svg = makeSvg('svg', { class: 'icon', 'aria-hidden': 'true' });
  svg.append(makeSvg('use', { href: `#icon-${name}` }));
  return svg;
}

/** Sets the text only when it differs: a live region is read out again by every write. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Sets a data attribute only when it differs: a write would restart animations hung on it. */
export function mark(element, name, value) {
  if (element.dataset[name] !== value) element.dataset[name] = value;
}
