// The drawer: everything about one span.

import { copy, fill, h } from './dom.js';
import { kindOf, label, retries, sentence } from './describe.js';
import { bytes, clock, ms } from './format.js';
import { conversation, drawMessage, pretty } from './messages.js';

const shown = new Set(['gen_ai.input.messages', 'gen_ai.output.messages', 'gen_ai.system_instructions', 'gen_ai.tool.call.arguments', 'gen_ai.tool.call.result']);

const titles = { said: 'Conversation', tool: 'Tool', what: 'Attributes', when: 'Events', raw: 'OTLP' };

export class Drawer {
  #el;
  #key = '';
  #tab = {}; // the chosen tab of each kind of span

  constructor(el, { onClose, onLink }) {
    this.#el = el;
    this.onClose = onClose;
    this.onLink = onLink;
    el.addEventListener('keydown', (e) => { if (e.key === 'Escape') this.onClose(); });
  }

  // show draws a span, or nothing.
  show(view, id, context) {
    const node = view?.tree.nodes.get(id);
    this.#el.hidden = !node;
    if (!node) {
      this.#key = '';
      return;
    }
    const kind = kindOf(node.span);
    const tabs = this.#tabs(view, node, kind, context);
    const names = Object.keys(tabs);
    const tab = names.includes(this.#tab[kind]) ? this.#tab[kind] : names[0];
    const key = `${view.trace.id} ${id} ${view.trace.version} ${tab}`;
    if (key === this.#key) return;
    const same = this.#key.startsWith(`${view.trace.id} ${id} `) && this.#key.endsWith(` ${tab}`);
    const scrolled = same ? this.#el.querySelector('.pane')?.scrollTop ?? 0 : 0;
    const focused = this.#el.contains(document.activeElement) ? document.activeElement.id : '';
    this.#key = key;
    this.#draw(view, node, names, tab, tabs[tab], () => { this.#key = ''; this.show(view, id, context); }, kind);
    const pane = this.#el.querySelector('.pane');
    const fresh = same || tab !== 'said' ? null : pane.querySelector('.known ~ .fresh');
    pane.scrollTop = fresh ? fresh.offsetTop - 8 : scrolled; // to what is new
    if (focused) this.#el.querySelector(`#${CSS.escape(focused)}`)?.focus();
  }

  #draw(view, node, names, tab, body, again, kind) {
    const { span } = node;
    const words = label(node);
    const why = sentence(span);
    const choose = (name) => {
      this.#tab[kind] = name;
      again();
      this.#el.querySelector(`#drawer-tab-${name}`)?.focus();
    };
    const keys = (e) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
      if (step) choose(names[(names.indexOf(tab) + step + names.length) % names.length]);
    };
    fill(this.#el,
      h('header', {},
        h('h2', {}, words.verb, ' ', h('span', {}, words.detail)),
        h('button', { class: 'close', 'aria-label': 'Close the details', on: { click: () => this.onClose() } }, '×')),
      h('p', { class: 'facts-line' },
        h('span', { class: `service svc-${view.colorOf(span.service)}` }, span.service), h('span', {}, span.name), h('span', {}, span.kind),
        h('span', { title: 'from the start of the trace' }, `+${ms(span.start - view.sum.start)}`),
        h('span', {}, span.end === null ? 'running' : ms(span.end - span.start)), h('span', { class: `status ${span.status.code}` }, span.end === null ? '…' : span.status.code)),
      why ? h('p', { class: 'why-failed' }, why) : null,
      h('div', { class: 'tabs', role: 'tablist', 'aria-label': 'Details', on: { keydown: keys } }, names.map((name) => h('button', {
        role: 'tab', id: `drawer-tab-${name}`, 'aria-selected': String(name === tab), 'aria-controls': 'drawer-pane', tabindex: name === tab ? '0' : '-1',
        on: { click: () => choose(name) },
      }, titles[name]))),
      h('div', { class: 'pane', id: 'drawer-pane', role: 'tabpanel', 'aria-labelledby': `drawer-tab-${tab}`, tabindex: '0' }, body()));
  }

  // tabs are the ways to look at a span; the first is what one wants to see of its kind.
  #tabs(view, node, kind, context) {
    const { span } = node;
    const tabs = {};
    if (kind === 'model' || (kind === 'task' && span.attrs['gen_ai.output.messages'])) tabs.said = () => said(view, node, context);
    if (kind === 'tool' || span.attrs['gen_ai.tool.call.arguments'] !== undefined) tabs.tool = () => tool(span, context);
    tabs.what = () => attributes(span);
    if (span.events.length > 0 || span.links.length > 0) tabs.when = () => events(span, this.onLink);
    tabs.raw = () => raw(span);
    return tabs;
  }
}

function notCaptured(context) {
  return h('p', { class: 'quiet' }, 'What was said is not recorded', context.contentHint ? `: ${context.contentHint}` : '.');
}

function said(view, node, context) {
  const list = conversation(view.tree, node);
  const preview = node.span.attrs['llm.prompt_preview'];
  if (!list) return [preview ? h('section', { class: 'message fresh' }, h('h4', {}, 'newest text'), h('pre', { class: 'text' }, preview)) : null, notCaptured(context)];
  const again = retries(node.span, node.children);
  return [again.map((r) => h('p', { class: 'quiet' }, `Attempt ${r.attempt} after ${r.reason}; waited ${ms(r.wait)}.`)), list.map(drawMessage)];
}

function tool(span, context) {
  const args = span.attrs['gen_ai.tool.call.arguments'] ?? span.attrs['tool.args'];
  const result = span.attrs['gen_ai.tool.call.result'];
  const size = span.attrs['tool.result_size'];
  return [
    span.attrs['gen_ai.tool.description'] ? h('p', { class: 'quiet' }, span.attrs['gen_ai.tool.description']) : null,
    h('h4', {}, 'Arguments, as the model sent them'), h('pre', {}, args === undefined ? 'not recorded' : pretty(args)),
    h('h4', {}, 'Result, as the model got it', size === undefined ? null : h('span', { class: 'why' }, bytes(size))),
    result === undefined ? notCaptured(context) : h('pre', {}, pretty(result)),
  ];
}

// attributes lists them by family: the first word of their names.
function attributes(span) {
  const families = new Map();
  const add = (family, key, value) => {
    if (!families.has(family)) families.set(family, []);
    families.get(family).push([key, value]);
  };
  for (const key of Object.keys(span.attrs).sort()) add(key.split('.')[0], key, span.attrs[key]);
  for (const key of Object.keys(span.resource).sort()) add('resource', key, span.resource[key]);
  return [...families].map(([family, list]) => h('details', { open: family !== 'resource' || families.size === 1, class: 'family' },
    h('summary', {}, family, h('span', { class: 'why' }, list.length)),
    h('table', {}, h('tbody', {}, list.map(([key, value]) => h('tr', {}, h('th', { scope: 'row' }, key),
      h('td', {}, shown.has(key) ? h('pre', {}, pretty(value)) : typeof value === 'object' ? JSON.stringify(value) : String(value))))))));
}

function events(span, onLink) {
  return [
    span.events.map((e) => h('section', { class: 'event' },
      h('h4', {}, e.name, h('span', { class: 'why' }, `+${ms(e.time - span.start)}`)),
      h('table', {}, h('tbody', {}, Object.entries(e.attrs).map(([key, value]) => h('tr', {}, h('th', { scope: 'row' }, key), h('td', {}, String(value)))))))),
    span.links.map((l) => h('section', { class: 'event' }, h('h4', {}, 'link'),
      h('button', { class: 'linkish', on: { click: () => onLink(l.traceId) } }, `trace ${l.traceId}`))),
  ];
}

function raw(span) {
  const text = JSON.stringify(span.json, null, 2);
  return [
    h('p', { class: 'quiet' }, `span ${span.id} of trace ${span.traceId}, started ${clock(span.start)} `,
      h('button', { class: 'linkish', on: { click: (e) => copy(e.target, text) } }, 'copy')),
    h('pre', {}, text),
  ];
}

