// Elements, made so that no text can become markup: strings are always text nodes.

// h makes an element. props: class, on (listeners by event), data (dataset), prop (properties), else attributes; a value
// of null, undefined or false leaves the attribute out. Children that are strings or numbers become text.
export function h(tag, props, ...children) {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(props || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'class') el.className = value;
    else if (name === 'on') for (const [type, f] of Object.entries(value)) el.addEventListener(type, f);
    else if (name === 'data') Object.assign(el.dataset, value);
    else if (name === 'prop') Object.assign(el, value);
    else el.setAttribute(name, value === true ? '' : String(value));
  }
  el.append(...nodes(children));
  return el;
}

// fill puts children in place of what an element holds.
export function fill(el, ...children) { el.replaceChildren(...nodes(children)); }

const nodes = (children) => children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false).map(text);

const text = (c) => (c instanceof Node ? c : document.createTextNode(String(c)));

export const byId = (id) => document.getElementById(id);

export const show = (el, visible) => { el.hidden = !visible; };

// place sets a box in percent of its lane. Styles are set by property, which the content policy allows.
export function place(el, left, width) {
  el.style.left = `${left}%`;
  el.style.width = `${Math.max(width, 0)}%`;
}

// announce says a sentence to screen readers.
export function announce(sentence) { byId('announce').textContent = sentence; }

// copy puts a text into the clipboard and says so on the button for a moment.
export async function copy(button, value) {
  const before = button.textContent;
  try {
    await navigator.clipboard.writeText(value);
    button.textContent = 'copied';
  } catch {
    button.textContent = 'not copied';
  }
  announce(button.textContent);
  setTimeout(() => { button.textContent = before; }, 1200);
}
