// The list of traces with its filter, and two of them side by side.

import { byId, fill, h } from './dom.js';
import { json, kindOf, label, modelName, sentence, toolName, usage } from './describe.js';
import { clock, count, cut, ms, plural } from './format.js';
import { failed } from './tree.js';

export class History {
  #el = byId('traces');
  #list = h('ul', { class: 'history', 'aria-label': 'Traces' });
  #note = h('p', { class: 'quiet hint' });
  #filter = { text: '', errors: false, slow: false };
  #picked = []; // of the two to compare
  #key = '';

  constructor({ onSelect, onCompare, onChange }) {
    this.onSelect = onSelect;
    this.onCompare = onCompare;
    this.onChange = onChange;
    const check = (name, title) => h('label', { class: 'chip', title }, h('input', { type: 'checkbox', on: { change: (e) => this.#set({ [name]: e.target.checked }) } }), h('span', {}, name));
    this.#el.append(
      h('div', { class: 'filter' },
        h('label', { class: 'hidden', for: 'search' }, 'Filter by text'),
        h('input', { id: 'search', type: 'search', placeholder: 'filter by any text  ( / )', on: { input: (e) => this.#set({ text: e.target.value.toLowerCase() }) } }),
        check('errors', 'traces in which something failed'), check('slow', 'traces that production would keep because they were slow, or that took over twice the median')),
      this.#list, this.#note);
  }

  #set(change) {
    Object.assign(this.#filter, change);
    this.#key = '';
    this.onChange();
  }

  focus() { byId('search').focus(); }

  // draw lists entries {trace, tree, sum}, the newest first.
  draw(entries, selected, slowerThan) {
    const key = JSON.stringify([entries.map((e) => [e.trace.id, e.trace.version, e.sum.open ? Math.floor(e.sum.total / 250) : 0]), selected, this.#picked]);
    if (key === this.#key) return;
    this.#key = key;
    const done = entries.filter((e) => !e.sum.open).map((e) => e.sum.total).sort((a, b) => a - b);
    const slow = Math.min(slowerThan, done.length >= 5 ? 2 * done[done.length >> 1] : Infinity);
    const list = entries.filter((e) => this.#matches(e, slow)).sort((a, b) => b.sum.start - a.sum.start);
    this.#picked = this.#picked.filter((id) => entries.some((e) => e.trace.id === id));
    const focused = document.activeElement?.id;
    fill(this.#list, list.map((e) => this.#entry(e, selected)));
    if (focused) byId(focused)?.focus();
    this.#note.textContent = entries.length === 0 ? 'No traces yet.' : list.length === 0 ? 'No trace matches.' : this.#picked.length === 1 ? 'Pick a second trace to compare.' : '';
  }

  #matches({ trace, sum }, slow) {
    const f = this.#filter;
    if (f.errors && !sum.failed) return false;
    if (f.slow && sum.total < slow) return false;
    if (!f.text) return true;
    if (trace.id.includes(f.text)) return true;
    for (const s of trace.spans.values()) {
      if (`${s.name} ${s.status.message} ${s.service}`.toLowerCase().includes(f.text)) return true;
      for (const v of Object.values(s.attrs)) if (String(v).toLowerCase().includes(f.text)) return true;
    }
    return false;
  }

  #entry({ trace, tree, sum }, selected) {
    const id = trace.id;
    return h('li', { class: `${id === selected ? 'selected' : ''}${sum.failed ? ' bad' : ''}${sum.open ? ' open' : ''}` },
      h('input', {
        type: 'checkbox', id: `pick-${id}`, 'aria-label': `compare trace ${id.slice(0, 8)}`, title: 'compare', prop: { checked: this.#picked.includes(id) },
        on: { change: (e) => this.#pick(id, e.target.checked) },
      }),
      h('button', { class: 'entry', id: `trace-${id}`, 'aria-current': id === selected ? 'true' : null, on: { click: () => this.onSelect(id) } },
        h('span', { class: 'dot', 'aria-hidden': 'true' }),
        h('span', { class: 'name' }, title(tree) || (trace.file ?? id)),
        h('span', { class: 'why' }, `${sum.open ? 'running' : ms(sum.total)} · ${plural(sum.spans, 'span')} · ${clock(sum.start)}${sum.failed ? ' · failed' : ''}${trace.file ? ` · ${trace.file}` : ''}`)));
  }

  #pick(id, on) {
    this.#picked = this.#picked.filter((p) => p !== id);
    if (on) this.#picked = [...this.#picked.slice(-1), id];
    this.#key = '';
    this.onCompare(this.#picked.length === 2 ? this.#picked : null);
  }

  clearPicked() {
    this.#picked = [];
    this.#key = '';
  }
}

// title is what a trace was about: its task, or else its first span.
export function title(tree) {
  for (const n of tree.nodes.values()) {
    if (kindOf(n.span) === 'task' && n.parent === tree.roots[0] && n.span.attrs['agent.task.description']) return cut(n.span.attrs['agent.task.description'], 120);
  }
  return tree.roots[0] ? tree.roots[0].span.name : '';
}

// steps lists what the first agent of a trace did: each model call with the tools that followed it.
export function steps(tree) {
  const task = [...tree.nodes.values()].find((n) => kindOf(n.span) === 'task' && (!n.parent || n.parent === tree.roots[0]));
  const out = [];
  const walk = (node) => {
    for (const c of node.children) {
      const kind = kindOf(c.span);
      if (kind === 'model') out.push({ model: c.span, tools: [] });
      else if (kind === 'tool') (out.at(-1) ?? out[out.push({ model: null, tools: [] }) - 1]).tools.push(c.span);
      else if (kind === 'step') walk(c);
    }
  };
  if (task) walk(task);
  return { task: task?.span ?? null, steps: out };
}

// drawCompare draws two traces by step.
export function drawCompare(el, a, b, now, onClose) {
  const [x, y] = [steps(a.tree), steps(b.tree)];
  const took = (s) => (s.end ?? now) - s.start;
  const line = (name, left, right, delta, tone = '') => h('tr', { class: left === right ? 'same' : 'differs' }, h('th', { scope: 'row' }, name), h('td', {}, left), h('td', {}, right), h('td', { class: `delta ${tone}` }, delta));
  const change = (l, r) => (l === null || r === null ? '' : `${r - l >= 0 ? '+' : '−'}${ms(Math.abs(r - l))}`);
  const lines = [line('task', x.task?.attrs['agent.task.description'] ?? '–', y.task?.attrs['agent.task.description'] ?? '–', '')];
  const total = (e) => ms(e.sum.total);
  lines.push(line('total', total(a), total(b), change(a.sum.total, b.sum.total), b.sum.total > a.sum.total ? 'worse' : 'better'));
  for (let i = 0; i < Math.max(x.steps.length, y.steps.length); i++) {
    const [l, r] = [x.steps[i], y.steps[i]];
    const model = (s) => (s?.model ? `${modelName(s.model)} · ${tok(s.model)} · ${ms(took(s.model))}${failed(s.model) ? ` · ${sentence(s.model)}` : ''}` : '–');
    lines.push(h('tr', { class: 'step' }, h('th', { colspan: 4, scope: 'rowgroup' }, `model call ${i + 1}`)));
    lines.push(line('asks', model(l), model(r), change(l?.model ? took(l.model) : null, r?.model ? took(r.model) : null)));
    for (let j = 0; j < Math.max(l?.tools.length ?? 0, r?.tools.length ?? 0); j++) {
      const tool = (s) => (s ? `${toolName(s)} ${words(s)}` : '–');
      const [tl, tr] = [l?.tools[j], r?.tools[j]];
      lines.push(line('calls', tool(tl), tool(tr), change(tl ? took(tl) : null, tr ? took(tr) : null)));
    }
  }
  lines.push(h('tr', { class: 'step' }, h('th', { colspan: 4, scope: 'rowgroup' }, 'outcome')));
  const answer = (t) => {
    const out = t.task && json(t.task, 'gen_ai.output.messages');
    if (t.task && failed(t.task)) return sentence(t.task);
    return Array.isArray(out) ? cut(out.flatMap((m) => m?.parts ?? []).map((p) => p?.content ?? '').join(' '), 400) : '–';
  };
  lines.push(line('answer', answer(x), answer(y), ''));
  fill(el,
    h('header', {}, h('h2', {}, 'Two traces, step by step'), h('button', { class: 'close', 'aria-label': 'Close the comparison', on: { click: onClose } }, '×')),
    h('div', { class: 'scroll', tabindex: '0' }, h('table', {},
      h('thead', {}, h('tr', {}, h('td', {}), head(a), head(b), h('th', { scope: 'col' }, 'change'))), h('tbody', {}, lines))));
}

const head = (e) => h('th', { scope: 'col' }, e.trace.id.slice(0, 8), ' ', h('span', { class: 'why' }, clock(e.sum.start)));

function tok(span) {
  const u = usage(span);
  return u ? `${count(u.input)}→${count(u.output)} tok` : 'no tokens';
}

function words(span) {
  const l = label({ span });
  return [l.detail, l.result ? `→ ${l.result}` : '', failed(span) ? `failed: ${sentence(span)}` : ''].filter(Boolean).join(' ');
}
