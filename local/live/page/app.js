// The page: which trace and which span are looked at, and who draws what.

import { Chat } from './chat.js';
import { announce, byId, fill, h, show } from './dom.js';
import { Drawer } from './drawer.js';
import { sentence } from './describe.js';
import { drawCompare, History, title } from './history.js';
import { parseFile, serialize } from './otlp.js';
import { Store } from './store.js';
import { drawStrip } from './strip.js';
import { summary } from './timing.js';
import { build } from './tree.js';
import { Waterfall } from './waterfall.js';

const store = new Store();
const state = {
  trace: pathTrace(), span: '', follow: pathTrace() ? '' : 'newest', // follow: 'newest', or the turn whose trace is awaited
  transport: false, critical: true, compare: null, view: 'chat',
  collapsed: new Map(), // by trace
};
const narrow = matchMedia('(max-width: 760px)');

const waterfall = new Waterfall(byId('waterfall'), byId('axis'), { onSelect: selectSpan, onChange: focusDrawer });
const drawer = new Drawer(byId('drawer'), { onClose: () => { selectSpan(''); byId('waterfall').focus(); }, onLink: (id) => selectTrace(id) });
const chat = new Chat(store, { onSelect: (id) => selectTrace(id), onSend: follow });
const history_ = new History({ onSelect: (id) => selectTrace(id), onCompare: compare, onChange: draw });

function pathTrace() { return /^\/trace\/([0-9a-f]{32})$/.exec(location.pathname)?.[1] ?? ''; }

// entries are the traces with their tree and figures, made anew only when something has changed.
const known = new Map();
function entry(trace) {
  const turn = store.turnOf(trace);
  const old = known.get(trace.id);
  const now = store.now();
  const key = `${trace.version} ${trace.dropped} ${turn?.ended_us ?? ''}`;
  if (old && old.trace === trace && old.key === key && !(old.sum.open && now - old.at > 200)) return old;
  const tree = old?.trace === trace && old.version === trace.version ? old.tree : build(trace.spans.values());
  const made = { trace, tree, key, version: trace.version, at: now, sum: summary(trace, tree, now, turn) };
  known.set(trace.id, made);
  return made;
}

function entries() {
  const list = [...store.traces.values()].filter((t) => t.spans.size > 0).map(entry);
  for (const id of known.keys()) if (!store.traces.has(id)) known.delete(id);
  return list;
}

const rule = () => ({ slowerThan: store.hello?.keep_slower_than_ms ?? 10_000, ratio: store.hello?.keep_ratio ?? 0.1 });

function draw() {
  followOn();
  const list = entries();
  const e = list.find((x) => x.trace.id === state.trace) ?? null;
  history_.draw(list, state.trace, rule().slowerThan);
  chat.select(e ? store.turnOf(e.trace)?.id ?? '' : '');
  chat.draw();
  drawTrace(e);
  const pair = state.compare?.map((id) => list.find((x) => x.trace.id === id));
  const comparing = Boolean(pair?.[0] && pair[1]);
  show(byId('compare'), comparing);
  if (comparing) drawCompare(byId('compare'), pair[0], pair[1], store.now(), () => { history_.clearPicked(); compare(null); });
  again(list.some((x) => x.sum.open));
}

let timer = 0;
function again(open) {
  clearTimeout(timer);
  if (open) timer = setTimeout(() => requestAnimationFrame(draw), 250); // figures of what still runs
}

let drawnKey = '';
function drawTrace(e) {
  drawStrip(byId('strip'), e?.sum ?? null, rule());
  const key = e ? [e.trace.id, e.key, e.sum.open && e.at, state.transport, state.critical].join() : 'none';
  if (key !== drawnKey) {
    drawnKey = key;
    if (e && !state.collapsed.has(e.trace.id)) state.collapsed.set(e.trace.id, new Set());
    waterfall.set(e ? { ...e, transport: state.transport, critical: state.critical, collapsed: state.collapsed.get(e.trace.id), now: () => store.now() } : null);
    toolbar(e);
  }
  drawer.show(e ? { ...e, colorOf: (s) => waterfall.colorOf(s) } : null, state.span, { contentHint: store.hello && !store.hello.content ? 'LIVE_CONTENT=true records it for this page' : '' });
  const empty = byId('empty');
  show(empty, !e);
  waterfall.show(Boolean(e));
  fill(empty, e ? [] : [h('p', {}, state.trace ? `Waiting for trace ${state.trace}.` : 'No trace yet.'),
    h('p', { class: 'quiet' }, state.trace ? 'It is not here: it has not begun, or was made by an earlier run, or newer traces have taken its place.' : 'Send a task, or use the curl line of the terminal: spans appear here as they start.')]);
  document.title = e ? `${e.sum.open ? '▶ ' : e.sum.failed ? '✗ ' : ''}${title(e.tree)} – gemini-agent live` : 'gemini-agent live';
}

function toolbar(e) {
  const el = byId('toolbar');
  if (!e) {
    fill(el);
    return;
  }
  const focused = el.contains(document.activeElement) ? document.activeElement.id : '';
  const toggle = (name, text, help) => h('button', {
    class: 'toggle', id: `toggle-${name}`, 'aria-pressed': String(state[name]), title: help,
    on: { click: () => { state[name] = !state[name]; draw(); } },
  }, text);
  const { id } = e.trace;
  const jaeger = store.hello?.jaeger;
  fill(el,
    h('ul', { class: 'services', 'aria-label': 'Services' }, e.sum.services.map((s) => h('li', { class: `svc-${waterfall.colorOf(s)}` }, h('i', { 'aria-hidden': 'true' }), s))),
    h('span', { class: 'spacer' }),
    toggle('transport', 'transport', 'show HTTP and MCP spans as rows of their own (t)'),
    toggle('critical', 'critical path', 'underline what the answer waited for (c)'),
    h('button', { id: 'download', title: 'OTLP/JSON, which Jaeger and collectors take', on: { click: () => download(e) } }, 'download'),
    jaeger && !e.trace.file ? h('a', { class: 'button', href: `${jaeger}/trace/${id}`, target: '_blank', rel: 'noreferrer' }, 'Jaeger ↗') : null,
    h('code', { class: 'trace-id', title: id }, id.slice(0, 8)),
    e.sum.orphans ? h('span', { class: 'mark wait', title: 'The parent of a span is not here: it belongs to the caller, or was lost.' }, 'a parent is missing') : null);
  if (focused) byId(focused)?.focus();
}

function download(e) {
  const blob = new Blob([JSON.stringify(serialize(e.trace.spans.values()))], { type: 'application/json' });
  const url = URL.createObjectURL(blob);
  h('a', { href: url, download: `trace-${e.trace.id}.json` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

function selectTrace(id, { push = true, view = true } = {}) {
  state.follow = '';
  state.compare = null;
  history_.clearPicked();
  if (state.trace !== id) {
    state.trace = id;
    state.span = '';
    if (push) history.pushState(null, '', id ? `/trace/${id}` : '/');
  }
  if (view && narrow.matches) setView('trace');
  draw();
}

function selectSpan(id) {
  state.span = id;
  draw();
  const node = known.get(state.trace)?.tree.nodes.get(id);
  if (node && sentence(node.span)) announce(sentence(node.span));
}

function focusDrawer() { byId('drawer').querySelector('[role=tab][aria-selected=true]')?.focus(); }

// follow waits for the trace of a request that has just been sent.
function follow(turnId) { state.follow = turnId; }

function followOn() {
  if (!state.follow) return;
  let trace = null;
  if (state.follow === 'newest') {
    for (const t of store.traces.values()) if (t.spans.size > 0 && !t.file) trace = t; // the ring's order
  } else {
    for (const t of store.traces.values()) if (t.correlation === state.follow && t.spans.size > 0) trace = t;
  }
  if (!trace || trace.id === state.trace) return;
  const newest = state.follow === 'newest';
  state.trace = trace.id;
  state.span = '';
  state.compare = null;
  if (!newest) {
    history.pushState(null, '', `/trace/${trace.id}`);
    state.follow = '';
  }
}

function compare(pair) {
  state.compare = pair;
  if (pair && narrow.matches) setView('trace');
  draw();
}

// setView chooses what the left side shows and, where there is one column, what is shown at all.
function setView(view) {
  state.view = view;
  document.body.dataset.view = view;
  for (const tab of byId('views').querySelectorAll('[role=tab]')) {
    const on = tab.dataset.view === view;
    tab.setAttribute('aria-selected', String(on));
    tab.tabIndex = on ? 0 : -1;
  }
  show(byId('chat'), view === 'chat' || (view === 'trace' && !narrow.matches));
  show(byId('traces'), view === 'traces');
  draw();
}

byId('views').addEventListener('click', (e) => { if (e.target.dataset.view) setView(e.target.dataset.view); });
byId('views').addEventListener('keydown', (e) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
  if (!step) return;
  const tabs = [...byId('views').querySelectorAll('[role=tab]')].filter((t) => t.offsetParent);
  const next = tabs[(tabs.indexOf(e.target) + step + tabs.length) % tabs.length];
  setView(next.dataset.view);
  next.focus();
});
narrow.addEventListener('change', () => setView(narrow.matches ? state.view : state.view === 'trace' ? 'chat' : state.view));

byId('load').addEventListener('change', async (e) => {
  const [file] = e.target.files;
  if (!file) return;
  try {
    const traces = [...store.add(parseFile(await file.text()), file.name)];
    selectTrace(traces[0].id);
    announce(`Loaded ${file.name}`);
  } catch (err) {
    announce(err.message);
    alertBox(`${file.name}: ${err.message}`);
  }
  e.target.value = '';
});

function alertBox(text) {
  const box = h('p', { class: 'alert', role: 'alert' }, text, h('button', { class: 'close', 'aria-label': 'Dismiss', on: { click: () => box.remove() } }, '×'));
  document.body.append(box);
  setTimeout(() => box.remove(), 8000);
}

addEventListener('keydown', (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName)) return;
  switch (e.key) {
    case '/': setView('traces'); history_.focus(); break;
    case 't': byId('toggle-transport')?.click(); break;
    case 'c': byId('toggle-critical')?.click(); break;
    case 'n': setView('chat'); chat.focus(); break;
    case 'Escape': if (state.compare) { history_.clearPicked(); compare(null); } else if (state.span) selectSpan(''); break;
    default: return;
  }
  e.preventDefault();
});

addEventListener('popstate', () => {
  state.trace = pathTrace();
  state.follow = state.trace ? '' : 'newest';
  state.span = '';
  draw();
});

store.addEventListener('change', (e) => {
  if (e.detail.has('hello')) {
    chat.hello(store.hello);
    show(byId('simulated'), store.hello.simulated);
  }
  const connection = byId('connection');
  connection.textContent = store.connected ? 'live' : 'not connected';
  connection.className = `connection ${store.connected ? 'on' : 'off'}`;
  draw();
});

setView('chat');
if (state.trace && narrow.matches) setView('trace');
store.connect();
