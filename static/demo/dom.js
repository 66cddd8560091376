export const byId = (id) => document.getElementById(id);

/**
 * Makes an element. Strings become attributes, everything else properties. Children are elements or text, never markup,
 * so that no player's name can become part of the page's code.
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

/** Makes an SVG element. */
export function makeSvg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** One of the page's icons (the symbols at the top of index.html). */
export function symbol(name) {
  const svg = makeSvg('svg', { class: 'icon', 'aria-hidden': 'true' });
  svg.append(makeSvg('use', { href: `#icon-${name}` }));
  return svg;
}

/** Switches a button on or off. One that is off keeps the focus, which `disabled` would take from it. */
export function enable(button, on) {
  button.setAttribute('aria-disabled', String(!on));
}

/** Calls `action` when a button that is on is pressed. */
export function onPress(button, action, options) {
  button.addEventListener('click', () => {
    if (button.getAttribute('aria-disabled') !== 'true') action();
  }, options);
}

/** Sets the text only if it differs, because every write to a live region is read aloud. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Sets a data attribute only if it differs, because a write would restart animations. */
export function mark(element, name, value) {
  if (element.dataset[name] !== value) element.dataset[name] = value;
}
