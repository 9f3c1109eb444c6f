// Where the time of a trace went.

import { kindOf, retries, usage } from './describe.js';
import { failed, isTransport } from './tree.js';

export const parts = ['model', 'tools', 'sub-agents', 'waits', 'overhead', 'flush'];

// criticalPath returns the segments {node, from, to} of the time between start and end of root, each the own time of
// the one span that the rest was waiting for. They follow one another from the end back to the start without a gap.
export function criticalPath(root, now) {
  const segments = [];
  const endOf = (n) => n.span.end ?? now;
  const stack = [{ node: root, from: root.span.start, to: endOf(root) }];
  while (stack.length > 0) {
    const { node, from, to } = stack.pop();
    let cursor = to;
    for (const child of [...node.children].sort((a, b) => endOf(b) - endOf(a))) {
      const start = Math.max(child.span.start, from);
      const end = Math.min(endOf(child), cursor);
      if (end <= start || cursor <= from) continue;
      if (end < cursor) segments.push({ node, from: end, to: cursor });
      stack.push({ node: child, from: start, to: end });
      cursor = start;
    }
    if (cursor > from) segments.push({ node, from, to: cursor });
  }
  return segments;
}

// partOf says for whom the time of a node counts: what happens inside a sub-agent is the sub-agent's.
function partOf(node, cache) {
  if (!node) return 'overhead';
  const known = cache.get(node);
  if (known) return known;
  const path = [];
  for (let n = node; n; n = n.parent) path.push(n);
  let part = 'overhead';
  for (const n of path.reverse()) {
    if (part === 'overhead') {
      const kind = kindOf(n.span);
      if (kind === 'agent' || (kind === 'tool' && delegates(n))) part = 'sub-agents';
      else if (kind === 'model') part = 'model';
      else if (kind === 'tool' || kind === 'memory') part = 'tools';
    }
    cache.set(n, part);
  }
  return part;
}

const delegates = (node) => node.children.some((c) => kindOf(c.span) === 'agent');

// split sums a critical path by part, in ms. The waits between the attempts of a model call are their own part.
export function split(segments) {
  const sums = Object.fromEntries(parts.map((p) => [p, 0]));
  const cache = new Map();
  const waits = new Map();
  for (const s of segments) {
    const part = partOf(s.node, cache);
    let waited = 0;
    if (part === 'model' && kindOf(s.node.span) === 'model') {
      if (!waits.has(s.node)) waits.set(s.node, retries(s.node.span, s.node.children.filter((c) => isTransport(c.span))));
      for (const w of waits.get(s.node)) waited += Math.max(0, Math.min(s.to, w.from + w.wait) - Math.max(s.from, w.from));
    }
    waited = Math.min(waited, s.to - s.from);
    sums.waits += waited;
    sums[part] += s.to - s.from - waited;
  }
  return sums;
}

// summary is what is said about a whole trace. turn, when the page sent the request, tells how long it waited for the
// answer: what passed after the last span is the flush.
export function summary(trace, tree, now, turn) {
  const spans = [...trace.spans.values()];
  const root = tree.roots[0];
  const open = spans.some((s) => s.end === null);
  let start = root ? root.span.start : now;
  let end = start;
  const services = new Map(); // the first start of each
  const tokens = { input: 0, output: 0, cached: 0, thinking: 0 };
  let cost = null;
  let calls = 0;
  let failures = 0;
  for (const s of spans) {
    start = Math.min(start, s.start);
    end = Math.max(end, s.end ?? now);
    services.set(s.service, Math.min(s.start, services.get(s.service) ?? Infinity));
    if (failed(s) && !isTransport(s)) failures++;
    if (kindOf(s) !== 'model') continue;
    calls++;
    const u = usage(s);
    if (!u) continue;
    for (const k of Object.keys(tokens)) tokens[k] += u[k];
    if (u.cost !== null) cost = (cost ?? 0) + u.cost;
  }
  const own = root ? (root.span.end ?? now) - root.span.start : 0;
  const path = root ? criticalPath(root, now) : [];
  const time = split(path);
  if (turn?.ended_us && root && root.span.end !== null) time.flush = Math.max(0, turn.ended_us / 1000 - root.span.end);
  const rootFailed = Boolean(root) && (failed(root.span) || root.span.attrs['http.response.status_code'] >= 500);
  return {
    start, end, open, services: [...services.keys()].sort((a, b) => services.get(a) - services.get(b)), tokens, cost, calls, failures, path, time, own,
    total: own + time.flush, spans: spans.length, failed: rootFailed || failures > 0, lost: trace.dropped,
    orphans: tree.roots.length > 1 || Boolean(root?.span.parent),
  };
}

// verdict says whether production would keep the trace, and why: its rule keeps failures, slow traces and a share of the
// rest.
export function verdict(sum, rule) {
  if (sum.open) return { kept: null, text: 'still running' };
  if (sum.failed) return { kept: true, text: 'kept: error' };
  if (sum.own >= rule.slowerThan) return { kept: true, text: 'kept: slow' };
  if (rule.ratio >= 1) return { kept: true, text: 'kept: all are' };
  if (rule.ratio <= 0) return { kept: false, text: 'not kept' };
  return { kept: false, text: `kept: 1 in ${Math.round(1 / rule.ratio)}` };
}
