// What a span says in the agent's language.

import { failed, isTransport } from './tree.js';
import { bytes, count, cut, ms, plural } from './format.js';

// kindOf sorts spans: task, step, model, tool, agent, memory, serve, http, request, other.
export function kindOf(span) {
  if (span.name === 'agent.task') return 'task';
  if (span.name.startsWith('agent.step')) return 'step';
  if (span.name === 'llm.generate') return 'model';
  if (span.name.startsWith('tool.')) return 'tool';
  if (span.name.startsWith('invoke_agent')) return 'agent';
  if (span.name.startsWith('memory.')) return 'memory';
  if (isTransport(span)) return span.kind === 'SERVER' && !span.parent ? 'request' : 'http';
  switch (span.attrs['gen_ai.operation.name']) { // spans of other makers
    case 'chat': case 'generate_content': case 'text_completion': return 'model';
    case 'execute_tool': return span.kind === 'SERVER' ? 'serve' : 'tool';
    case 'invoke_agent': return span.kind === 'CLIENT' ? 'agent' : 'task';
    default: return span.kind === 'SERVER' && span.attrs['mcp.method.name'] ? 'serve' : 'other';
  }
}

export const toolName = (span) => String(span.attrs['tool.name'] ?? span.attrs['gen_ai.tool.name'] ?? span.name.replace(/^(tool\.|execute_tool )/, ''));

export const modelName = (span) => String(span.attrs['gen_ai.response.model'] ?? span.attrs['gen_ai.request.model'] ?? span.attrs['llm.model'] ?? 'the model');

// usage reads the tokens and the cost of a model call; null while they are not known.
export function usage(span) {
  const a = span.attrs;
  const input = a['gen_ai.usage.input_tokens'] ?? a['llm.input_tokens'];
  const output = a['gen_ai.usage.output_tokens'] ?? a['llm.output_tokens'];
  if (input === undefined && output === undefined) return null;
  return {
    input: Number(input ?? 0), output: Number(output ?? 0), cached: Number(a['gen_ai.usage.cache_read.input_tokens'] ?? 0),
    thinking: Number(a['gen_ai.usage.reasoning.output_tokens'] ?? 0),
    cost: typeof a['llm.cost_usd'] === 'number' ? a['llm.cost_usd'] : null,
  };
}

// json reads an attribute that holds JSON; null when it is not there or was cut.
export function json(span, key) {
  const text = span.attrs[key];
  if (typeof text !== 'string') return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

// label returns the words of a row: {verb, detail, result}. after are the tools called with a model's answer, where the
// answer itself was not recorded.
export function label(node, after = []) {
  const { span } = node;
  const open = span.end === null;
  switch (kindOf(span)) {
    case 'task': return {
      verb: 'task', detail: span.attrs['agent.task.description'] ? `“${cut(span.attrs['agent.task.description'], 160)}”` : '',
      result: open ? '' : span.attrs['agent.total_steps'] === undefined ? '' : plural(span.attrs['agent.total_steps'], 'step'),
    };
    case 'step': return { verb: `step ${span.attrs['agent.step.number'] ?? ''}`.trim(), detail: span.attrs['agent.step.type'] ?? span.name.replace(/^agent\.step\.?/, ''), result: '' };
    case 'model': return modelLabel(span, after);
    case 'tool': return { verb: toolName(span), detail: argumentsOf(span), result: open ? '' : toolResult(span) };
    case 'agent': return { verb: 'sub-agent ⇒', detail: String(span.attrs['gen_ai.agent.name'] ?? span.name.replace(/^invoke_agent ?/, '')), result: '' };
    case 'memory': return {
      verb: span.name.replace('.', ' '), detail: String(span.attrs['gen_ai.memory.record.id'] ?? span.attrs['memory.type'] ?? ''),
      result: span.attrs['gen_ai.memory.record.count'] === undefined ? '' : plural(span.attrs['gen_ai.memory.record.count'], 'record'),
    };
    case 'serve': return { verb: 'serves', detail: toolName(span), result: '' };
    case 'request': return { verb: 'request', detail: span.name, result: '' };
    default: return { verb: span.name, detail: span.kind === 'CLIENT' && span.attrs['server.address'] ? `to ${span.attrs['server.address']}` : '', result: '' };
  }
}

function modelLabel(span, after) {
  const u = usage(span);
  const words = [];
  if (u) words.push(`${count(u.input)}→${count(u.output)} tok`);
  const calls = callsOf(span) ?? after;
  const finish = [span.attrs['gen_ai.response.finish_reasons'] ?? []].flat();
  if (calls.length > 0) words.push(`calls ${tally(calls).join(', ')}`);
  else if (finish[0] && finish[0] !== 'stop' && !failed(span)) words.push(String(finish[0]).replaceAll('_', ' '));
  else if (span.end !== null && !failed(span)) words.push('answers');
  return { verb: 'ask', detail: modelName(span), result: words.join(' · ') };
}

// callsOf names the functions that a recorded answer calls; null when the answer was not recorded.
function callsOf(span) {
  const out = json(span, 'gen_ai.output.messages');
  if (!Array.isArray(out)) return null;
  return out.flatMap((m) => (Array.isArray(m?.parts) ? m.parts : []))
    .filter((p) => p?.type === 'tool_call').map((p) => String(p.name));
}

function tally(names) {
  const seen = new Map();
  for (const n of names) seen.set(n, (seen.get(n) ?? 0) + 1);
  return [...seen].map(([n, times]) => (times > 1 ? `${n} ×${times}` : n));
}

function argumentsOf(span) {
  const args = span.attrs['gen_ai.tool.call.arguments'] ?? span.attrs['tool.args'];
  return args === undefined ? '' : cut(args, 200);
}

// toolResult says in a few words what a tool returned.
function toolResult(span) {
  const result = json(span, 'gen_ai.tool.call.result');
  if (failed(span)) return '';
  const inner = result && typeof result === 'object' && !Array.isArray(result) && Object.keys(result).length === 1 ? Object.values(result)[0] : result;
  if (Array.isArray(inner)) return plural(inner.length, 'result');
  if (inner !== null && typeof inner !== 'object') return cut(inner, 60);
  const lists = result ? Object.values(result).filter(Array.isArray) : [];
  if (lists.length === 1) return plural(lists[0].length, 'result');
  const size = span.attrs['tool.result_size'];
  return size === undefined ? '' : bytes(size);
}

// sentence says why a span failed, '' when it did not.
export function sentence(span) {
  if (!failed(span)) return '';
  const exception = span.events.find((e) => e.name === 'exception');
  const message = span.status.message || exception?.attrs['exception.message'];
  if (message) return String(message);
  const kind = span.attrs['error.type'] ?? span.attrs['http.response.status_code'];
  return kind === undefined ? 'failed without a reason' : `failed: ${kind}`;
}

// retries of a model call, each {attempt, reason, wait, from}: told by its events, or else seen in its attempts.
export function retries(span, folded = []) {
  const told = span.events.filter((e) => e.name === 'llm.retry').map((e) => ({
    attempt: e.attrs.attempt, reason: String(e.attrs.reason ?? ''), wait: Number(e.attrs.wait_ms ?? 0), from: e.time,
  }));
  if (told.length > 0) return told;
  const tries = folded.map((n) => n.span).filter((s) => s.kind === 'CLIENT' && s.parent === span.id);
  const seen = [];
  for (let i = 1; i < tries.length; i++) {
    const last = tries[i - 1];
    if (last.end === null || !(failed(last) || last.attrs['http.response.status_code'] >= 400)) continue;
    seen.push({
      attempt: i + 1, reason: String(last.attrs['http.response.status_code'] ?? last.attrs['error.type'] ?? 'a failure'),
      wait: Math.max(0, tries[i].start - last.end), from: last.end,
    });
  }
  return seen;
}

function retryMark(list) {
  const last = list.at(-1);
  if (list.length === 1) return `retry ${last.attempt} after ${last.reason}, waited ${ms(last.wait)}`;
  const waited = list.reduce((sum, r) => sum + r.wait, 0);
  return `${list.length} retries after ${tally(list.map((r) => r.reason)).join(', ')}, waited ${ms(waited)}`;
}

// marks are what the transport below a row has to say: [{text, tone}].
export function marks(row) {
  const { span } = row.node;
  const out = [];
  const status = span.attrs['http.response.status_code'];
  if (status !== undefined) out.push({ text: String(status), tone: status >= 400 ? 'bad' : 'ok' });
  const again = kindOf(span) === 'model' ? retries(span, row.folded) : [];
  if (again.length > 0) out.push({ text: retryMark(again), tone: 'wait' });
  const codes = new Map();
  const tries = row.folded.filter((n) => n.span.kind === 'CLIENT');
  for (const n of tries) {
    const code = String(n.span.attrs['http.response.status_code'] ?? n.span.attrs['error.type'] ?? (n.span.end === null ? '…' : ''));
    if (code) codes.set(code, (codes.get(code) ?? 0) + 1);
  }
  for (const { reason } of again) if (codes.has(reason)) codes.set(reason, codes.get(reason) - 1);
  for (const [code, times] of codes) {
    if (times <= 0) continue; // told by the retries
    const bad = !(code === '…' || Number(code) < 400);
    out.push({ text: times > 1 ? `${code} ×${times}` : code, tone: bad ? 'bad' : 'ok' });
  }
  const mismatch = span.events.find((e) => e.name === 'llm.model_mismatch');
  if (mismatch) out.push({ text: `asked for ${mismatch.attrs['gen_ai.request.model']}`, tone: 'wait' });
  if (span.events.some((e) => e.name === 'agent.budget.exceeded')) out.push({ text: 'budget spent', tone: 'wait' });
  return out;
}
