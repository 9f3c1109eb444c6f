// The head of a trace: where the time went, what it took and cost, and whether production would keep it.

import { fill, h, place } from './dom.js';
import { count, money, ms, plural } from './format.js';
import { parts, verdict } from './timing.js';

const names = { model: 'model', tools: 'tools', 'sub-agents': 'sub-agents', waits: 'waits', overhead: 'overhead', flush: 'flush' };
const help = {
  model: 'time in which the run waited for the model', tools: 'time in tools', 'sub-agents': 'time in other agents',
  waits: 'waits before the model was asked again', overhead: 'everything between', flush: 'from the last span to the last byte of the answer: the wait for the trace to be safe',
};

export function drawStrip(el, sum, rule) {
  if (!sum) {
    fill(el);
    return;
  }
  const total = Math.max(sum.total, 0.001);
  const known = parts.filter((p) => sum.time[p] > 0 && sum.time[p] / total > 0.0005);
  let left = 0;
  const bar = h('div', { class: 'split', role: 'img', 'aria-label': known.map((p) => `${names[p]} ${ms(sum.time[p])}`).join(', ') || 'no time yet' },
    known.map((p) => {
      const share = (sum.time[p] / total) * 100;
      const piece = h('div', { class: `piece part-${p}`, title: `${names[p]}: ${ms(sum.time[p])}, ${help[p]}` });
      place(piece, left, share);
      left += share;
      return piece;
    }));
  const keep = verdict(sum, rule);
  const fact = (name, text, title, tone = '') => h('div', { class: `fact ${tone}`, title }, h('dt', {}, name), h('dd', {}, text));
  const t = sum.tokens;
  fill(el,
    h('div', { class: 'time-line' },
      h('strong', { class: 'total' }, ms(sum.total), sum.open ? h('span', { class: 'running' }, 'running') : null),
      h('div', { class: 'split-box' }, bar,
        h('ul', { class: 'legend' }, known.map((p) => h('li', { class: `part-${p}`, title: help[p] },
          h('i', { 'aria-hidden': 'true' }), names[p], ' ', h('b', {}, ms(sum.time[p])), ` ${Math.round((sum.time[p] / total) * 100)}%`))))),
    h('dl', { class: 'facts' },
      fact('tokens', t.input || t.output ? `${count(t.input)} → ${count(t.output)}` : '–', `${plural(sum.calls, 'model call')}, sub-agents included`),
      fact('cached', t.input ? count(t.cached) : '–', 'input tokens that came from the cache'),
      fact('thinking', t.output ? count(t.thinking) : '–', 'output tokens that were thoughts'),
      fact('cost', money(sum.cost), sum.cost === null ? 'no price is known for these calls' : 'of all model calls, sub-agents included'),
      fact('errors', String(sum.failures), 'spans that failed, without those of transport', sum.failures ? 'bad' : ''),
      fact('spans', `${count(sum.spans)}${sum.lost ? ` (+${count(sum.lost)} not kept)` : ''}`, plural(sum.services.length, 'service')),
      fact('in production', keep.text, 'by production’s rule this trace would be kept: errors, slow ones, and a share of the rest', keep.kept ? 'good' : '')));
}
