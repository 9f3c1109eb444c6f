// The waterfall: one row a span, of which only those in view are in the document.

import { fill, h, place, show } from './dom.js';
import { kindOf, label, marks, retries, sentence, toolName } from './describe.js';
import { ms } from './format.js';
import { failed, rows } from './tree.js';

const overscan = 12; // rows above and below the view that are there too

const calm = matchMedia('(prefers-reduced-motion: reduce)');
const narrow = matchMedia('(max-width: 760px)');

export class Waterfall {
  #el;
  #space;
  #axis;
  #items = []; // {row, top, height, note}
  #byId = new Map();
  #shown = new Map(); // elements of the rows in view, by index
  #view = null; // {trace, tree, sum, transport, critical, collapsed}
  #active = '';
  #onSelect;
  #colors = new Map();
  #segments = new Map();
  #frame = 0;

  constructor(el, axis, { onSelect, onChange }) {
    this.#el = el;
    this.#axis = axis;
    this.#onSelect = onSelect;
    this.onChange = onChange;
    this.#space = h('div', { class: 'space', role: 'presentation' });
    el.append(this.#space);
    el.addEventListener('scroll', () => this.#draw(), { passive: true });
    el.addEventListener('click', (e) => this.#clicked(e));
    el.addEventListener('keydown', (e) => this.#key(e));
    new ResizeObserver(() => this.#layout()).observe(el);
  }

  get active() { return this.#active; }

  colorOf(service) { return this.#colors.get(service) ?? 0; }

  // set shows a trace as it is now.
  set(view) {
    if (view?.trace !== this.#view?.trace) {
      this.#active = '';
      this.#el.scrollTop = 0;
      this.#colors = new Map();
    }
    this.#view = view;
    if (view) {
      for (const s of [...view.trace.spans.values()].sort((a, b) => a.start - b.start)) {
        if (!this.#colors.has(s.service)) this.#colors.set(s.service, this.#colors.size % 6);
      }
      this.#segments = new Map();
      const least = (view.sum.end - view.sum.start) / 300; // shorter ones would be dots
      for (const s of view.critical ? view.sum.path : []) {
        if (s.to - s.from < least) continue;
        if (!this.#segments.has(s.node)) this.#segments.set(s.node, []);
        this.#segments.get(s.node).push(s);
      }
    }
    this.#layout();
  }

  // activate moves the cursor to a span and brings it into view.
  activate(id, tell = true) {
    this.#active = id;
    const item = this.#byId.get(id);
    if (item) {
      if (item.top < this.#el.scrollTop) this.#el.scrollTop = item.top;
      const bottom = item.top + item.height - this.#el.clientHeight;
      if (bottom > this.#el.scrollTop) this.#el.scrollTop = bottom;
    }
    this.#redraw();
    if (tell) this.#onSelect(id);
  }

  #layout() {
    const view = this.#view;
    this.#items = [];
    this.#byId = new Map();
    let top = 0;
    if (view) {
      const list = rows(view.tree, { transport: view.transport, collapsed: view.collapsed });
      const notes = sentences(list);
      const after = calledAfter(list);
      const line = narrow.matches ? 46 : 27;
      const columns = Math.max(20, Math.floor((this.#el.clientWidth - 60) / 6.8));
      for (const row of list) {
        const note = notes.get(row) ?? '';
        const lines = note ? Math.min(3, Math.ceil((note.length + row.depth * 2) / columns)) : 0;
        const item = { row, note, after: after.get(row.node) ?? [], top, height: line + lines * 17 + (lines ? 6 : 0), index: this.#items.length };
        this.#items.push(item);
        this.#byId.set(row.node.span.id, item);
        top += item.height;
      }
    }
    this.#space.style.height = `${top}px`;
    if (this.#active && !this.#byId.has(this.#active)) this.#active = '';
    this.#redraw();
    this.#animate();
  }

  #redraw() {
    for (const el of this.#shown.values()) el.remove();
    this.#shown.clear();
    this.#draw();
    if (this.#active) this.#el.setAttribute('aria-activedescendant', `row-${this.#active}`);
    else this.#el.removeAttribute('aria-activedescendant');
  }

  // draw puts the rows in view into the document, and the one with the cursor wherever it is.
  #draw() {
    const { scrollTop, clientHeight } = this.#el;
    const first = Math.max(0, this.#find(scrollTop) - overscan);
    const last = Math.min(this.#items.length - 1, this.#find(scrollTop + clientHeight) + overscan);
    const active = this.#byId.get(this.#active)?.index ?? -1;
    for (const [i, el] of this.#shown) {
      if ((i < first || i > last) && i !== active) {
        el.remove();
        this.#shown.delete(i);
      }
    }
    for (let i = first; i <= last; i++) this.#showItem(i);
    if (active >= 0) this.#showItem(active);
    this.#bars();
  }

  #find(y) {
    let low = 0;
    let high = this.#items.length - 1;
    while (low < high) {
      const mid = (low + high + 1) >> 1;
      if (this.#items[mid].top <= y) low = mid;
      else high = mid - 1;
    }
    return Math.max(0, low);
  }

  #showItem(i) {
    if (this.#shown.has(i) || !this.#items[i]) return;
    const el = this.#element(this.#items[i]);
    this.#shown.set(i, el);
    const next = [...this.#shown.keys()].filter((k) => k > i).sort((a, b) => a - b)[0];
    this.#space.insertBefore(el, next === undefined ? null : this.#shown.get(next));
  }

  #element(item) {
    const { row } = item;
    const { span } = row.node;
    const kind = kindOf(span);
    const words = label(row.node, item.after);
    const bad = failed(span);
    const foreign = span.service !== row.parent?.node.span.service;
    const tell = marks(row);
    item.lane = h('div', { class: 'lane' });
    item.time = h('span', { class: 'time' });
    item.parts = this.#barParts(item);
    item.lane.append(...item.parts.map((p) => p.el));
    const el = h('div', {
      class: `row svc-${this.colorOf(span.service)} kind-${kind}${bad ? ' bad' : ''}${span.end === null ? ' open' : ''}${span.id === this.#active ? ' active' : ''}`,
      role: 'treeitem', id: `row-${span.id}`, 'aria-level': row.depth + 1, 'aria-selected': span.id === this.#active ? 'true' : 'false',
      'aria-setsize': this.#items.length, 'aria-posinset': item.index + 1,
      'aria-expanded': row.size > 0 ? String(!row.collapsed) : null,
      data: { id: span.id },
    },
    h('div', { class: 'words' },
      h('span', { class: `twist${row.size ? '' : ' none'}`, 'aria-hidden': 'true', data: { twist: '' } }, row.size ? (row.collapsed ? '▸' : '▾') : ''),
      h('span', { class: 'dot', 'aria-hidden': 'true' }),
      h('span', { class: 'said', title: [words.verb, words.detail, words.result].filter(Boolean).join(' ') },
        h('b', {}, words.verb), words.detail ? [' ', h('span', { class: 'detail' }, words.detail)] : null,
        words.result ? h('span', { class: 'result' }, kind === 'model' ? ' ' : ' → ', words.result) : null),
      foreign ? h('span', { class: 'service' }, span.service) : null,
      tell.map((m) => h('span', { class: `mark ${m.tone}` }, m.text))),
    item.lane, item.time,
    item.note ? h('p', { class: 'note' }, item.note) : null);
    el.style.top = `${item.top}px`;
    el.style.height = `${item.height}px`;
    el.style.setProperty('--depth', Math.min(row.depth, 24));
    return el;
  }

  // barParts are the pieces of a row's lane with the time that each covers.
  #barParts(item) {
    const { node, folded } = item.row;
    const list = [{ el: h('div', { class: 'bar' }), from: node.span.start, to: node.span.end }];
    if (kindOf(node.span) === 'model') {
      for (const r of retries(node.span, folded)) list.push({ el: h('div', { class: 'wait', title: `waited ${ms(r.wait)} after ${r.reason}` }), from: r.from, to: r.from + r.wait });
    }
    for (const n of [node, ...folded]) {
      for (const s of this.#segments.get(n) ?? []) list.push({ el: h('div', { class: 'critical' }), from: s.from, to: n.span.end === null ? null : s.to });
    }
    return list;
  }

  // range is the time that the lanes cover. While spans are open it grows in steps, so that the bars are seen to grow.
  #range() {
    const { sum } = this.#view;
    const now = this.#view.now();
    if (!sum.open) return { from: sum.start, to: Math.max(sum.end, sum.start + 0.01), now };
    const spent = Math.max(now - sum.start, 1) * 1.04;
    let step = 250;
    for (let i = 0; step < spent; i++) step *= i % 2 === 0 ? 2 : 1.5;
    return { from: sum.start, to: sum.start + step, now };
  }

  #bars() {
    if (!this.#view) return;
    const { from, to, now } = this.#range();
    const percent = (t) => Math.min(100, Math.max(0, ((t - from) / (to - from)) * 100));
    for (const i of this.#shown.keys()) {
      const item = this.#items[i];
      for (const p of item.parts) {
        const left = percent(p.from);
        place(p.el, left, percent(p.to ?? now) - left);
      }
      const { span } = item.row.node;
      item.time.textContent = ms((span.end ?? Math.max(now, span.start)) - span.start);
    }
    this.#ticks(to - from);
  }

  #ticks(range) {
    const key = `${Math.round(range * 100)}`;
    if (this.#axis.dataset.key === key) return;
    this.#axis.dataset.key = key;
    const marks = [0, 0.25, 0.5, 0.75, 1].map((share) => {
      const el = h('span', { class: 'tick' }, ms(range * share));
      el.style.left = `${share * 100}%`;
      return el;
    });
    fill(this.#axis, h('div', { class: 'ticks' }, marks));
  }

  // animate lets the bars of open spans grow.
  #animate() {
    clearTimeout(this.#frame);
    if (!this.#view?.sum.open || this.#el.hidden) return;
    this.#bars();
    this.#frame = setTimeout(() => requestAnimationFrame(() => this.#animate()), calm.matches ? 500 : 33);
  }

  #clicked(e) {
    const row = e.target.closest('.row');
    if (!row) return;
    if (e.target.closest('[data-twist]')) this.#toggle(row.dataset.id);
    else this.activate(row.dataset.id);
  }

  #toggle(id, collapse) {
    const item = this.#byId.get(id);
    if (!item?.row.size) return;
    const want = collapse ?? !item.row.collapsed;
    if (want) this.#view.collapsed.add(id);
    else this.#view.collapsed.delete(id);
    this.#layout();
  }

  #key(e) {
    if (e.ctrlKey || e.metaKey || e.altKey || this.#items.length === 0) return;
    const at = this.#byId.get(this.#active)?.index ?? -1;
    const row = this.#items[at]?.row;
    const page = Math.max(1, Math.floor(this.#el.clientHeight / 27) - 1);
    const go = (i) => this.activate(this.#items[Math.min(this.#items.length - 1, Math.max(0, i))].row.node.span.id);
    switch (e.key) {
      case 'ArrowDown': case 'j': go(at + 1); break;
      case 'ArrowUp': case 'k': go(at < 0 ? 0 : at - 1); break;
      case 'PageDown': go(at + page); break;
      case 'PageUp': go(at - page); break;
      case 'Home': go(0); break;
      case 'End': go(this.#items.length - 1); break;
      case 'ArrowRight':
        if (row?.collapsed) this.#toggle(this.#active, false);
        else if (row?.size) go(at + 1);
        break;
      case 'ArrowLeft':
        if (row?.size && !row.collapsed) this.#toggle(this.#active, true);
        else if (row?.parent) this.activate(row.parent.node.span.id);
        break;
      case 'Enter': case ' ': go(at < 0 ? 0 : at); this.onChange('drawer'); break;
      case 'e': this.#nextError(at); break;
      default: return;
    }
    e.preventDefault();
  }

  #nextError(at) {
    const n = this.#items.length;
    for (let i = 1; i <= n; i++) {
      const item = this.#items[(Math.max(at, 0) + i) % n];
      if (item.note) {
        this.activate(item.row.node.span.id);
        return;
      }
    }
  }

  show(visible) {
    show(this.#el, visible);
    show(this.#axis, visible);
  }
}

// sentences gives each failed row its error's sentence, unless a row below says the same.
function sentences(list) {
  const bad = list.map((row, index) => ({ row, index, text: sentence(row.node.span) })).filter((b) => b.text);
  const out = new Map();
  for (let i = 0; i < bad.length; i++) {
    const { row, text } = bad[i];
    let said = false;
    for (let j = i + 1; j < Math.min(bad.length, i + 40) && !said; j++) {
      if (bad[j].row.depth <= row.depth) break;
      said = bad[j].text.includes(text) || text.includes(bad[j].text);
    }
    if (!said) out.set(row, text);
  }
  return out;
}

// calledAfter names the tools that ran in the same step after each model call.
function calledAfter(list) {
  const out = new Map();
  const last = new Map(); // the newest model call below each parent
  for (const row of list) {
    const kind = kindOf(row.node.span);
    if (kind === 'model') {
      last.set(row.parent, row.node);
      out.set(row.node, []);
    } else if (kind === 'tool' && last.has(row.parent)) out.get(last.get(row.parent)).push(toolName(row.node.span));
  }
  return out;
}
