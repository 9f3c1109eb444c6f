// What was said in a model call, as recorded messages {role, parts}.

import { h } from './dom.js';
import { json, kindOf } from './describe.js';
import { before } from './tree.js';

// conversation returns the messages of a model call with those that are new since the previous call of the same agent
// marked; null when nothing was recorded.
export function conversation(tree, node) {
  const { span } = node;
  const input = asMessages(json(span, 'gen_ai.input.messages'));
  const output = asMessages(json(span, 'gen_ai.output.messages'));
  if (!input && !output) return null;
  const previous = previousCall(tree, node);
  const old = previous ? [...(asMessages(json(previous, 'gen_ai.input.messages')) ?? []), ...(asMessages(json(previous, 'gen_ai.output.messages')) ?? [])] : [];
  let same = 0;
  const list = input ?? [];
  while (same < list.length && same < old.length && said(list[same]) === said(old[same])) same++;
  const system = json(span, 'gen_ai.system_instructions');
  const out = [];
  if (Array.isArray(system)) out.push({ message: { role: 'system', parts: system }, fresh: !previous });
  list.forEach((message, i) => out.push({ message, fresh: i >= same }));
  for (const message of output ?? []) out.push({ message, fresh: true, answer: true });
  return out;
}

const asMessages = (v) => (Array.isArray(v) ? v.filter((m) => m && typeof m === 'object') : null);

// said is what counts when two messages are compared: an answer comes back as input without its finish reason.
const said = (m) => JSON.stringify([m.role, m.parts]);

function previousCall(tree, node) {
  const taskOf = (n) => {
    while (n && kindOf(n.span) !== 'task') n = n.parent;
    return n;
  };
  const task = taskOf(node);
  let found = null;
  for (const n of tree.nodes.values()) {
    if (n === node || kindOf(n.span) !== 'model' || taskOf(n) !== task || before(n.span, node.span) >= 0) continue;
    if (!found || before(n.span, found) > 0) found = n.span;
  }
  return found;
}

export function drawMessage({ message, fresh, answer }) {
  const parts = Array.isArray(message.parts) ? message.parts : [];
  return h('section', { class: `message ${fresh ? 'fresh' : 'known'}${answer ? ' answer' : ''}` },
    h('h4', {}, String(message.role ?? 'unknown'), message.finish_reason ? h('span', { class: 'why' }, message.finish_reason) : null,
      fresh ? null : h('span', { class: 'why' }, 'known since an earlier call')),
    parts.map(drawPart));
}

function drawPart(p) {
  switch (p?.type) {
    case 'text': return h('pre', { class: 'text' }, text(p.content));
    case 'reasoning': return h('pre', { class: 'text thought' }, text(p.content));
    case 'tool_call': return h('div', { class: 'call' }, h('b', {}, text(p.name)), h('pre', {}, pretty(p.arguments)));
    case 'tool_call_response': return h('div', { class: 'call' }, h('b', {}, 'result'), h('pre', {}, pretty(p.response ?? p.result)));
    default: return h('pre', {}, pretty(p));
  }
}

const text = (v) => (typeof v === 'string' ? v : pretty(v));

// pretty writes a value as indented JSON; a text that is JSON is read first.
export function pretty(v) {
  if (typeof v === 'string') {
    try {
      v = JSON.parse(v);
    } catch {
      return v;
    }
  }
  return JSON.stringify(v, null, 2) ?? '';
}
