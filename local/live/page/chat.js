// The chat: tasks for the agent, and what came back.

import { announce, byId, copy, fill, h } from './dom.js';
import { count, cut, money, ms } from './format.js';

const endpoint = '/api/v1/agent/execute';

export class Chat {
  #store;
  #list = byId('turns');
  #form = byId('composer');
  #said = new Map(); // text that has streamed in so far, by turn
  #failedToSend = new Map();
  #fault = '';
  #selected = '';
  #drawn = new Map(); // elements and what they were made of, by turn
  #fields = {};

  constructor(store, { onSelect, onSend }) {
    this.#store = store;
    this.onSelect = onSelect;
    this.onSend = onSend;
  }

  // hello makes the form, which depends on what the run offers.
  hello(hello) {
    this.#form.hidden = !hello.agent;
    if (!hello.agent || this.#form.dataset.run === hello.run) return;
    this.#form.dataset.run = hello.run;
    const f = this.#fields;
    f.task = h('textarea', { id: 'task', rows: 2, maxlength: 32768, required: true, placeholder: 'Ask the agent…  (Enter sends, Shift+Enter is a new line)' });
    f.task.value = 'Ask the sub-agent to explain what machine learning is, and calculate 12 * 7';
    f.session = h('input', { id: 'session', maxlength: 256, placeholder: 'none' });
    f.steps = h('input', { id: 'steps', type: 'number', min: 1, max: 50, placeholder: '10' });
    f.stream = h('input', { id: 'stream', type: 'checkbox', prop: { checked: true } });
    const faults = hello.faults.length === 0 ? null : h('fieldset', { class: 'faults' },
      h('legend', {}, 'Break the next one:'),
      [{ name: '', label: 'no', help: 'All goes well.' }, ...hello.faults].map((fault) => h('label', { class: 'chip', title: fault.help },
        h('input', { type: 'radio', name: 'fault', value: fault.name, prop: { checked: fault.name === '' }, on: { change: () => { this.#fault = fault.name; } } }),
        h('span', {}, fault.label))));
    fill(this.#form,
      h('label', { class: 'hidden', for: 'task' }, 'Task'), f.task,
      h('div', { class: 'settings' },
        h('label', {}, 'session', f.session), h('label', {}, 'steps', f.steps), h('label', {}, f.stream, 'stream'),
        h('button', { type: 'submit', class: 'primary' }, 'Send')),
      faults);
    this.#form.onsubmit = (e) => {
      e.preventDefault();
      this.#send();
    };
    f.task.onkeydown = (e) => {
      if (e.key !== 'Enter' || e.shiftKey || e.isComposing) return;
      e.preventDefault();
      this.#form.requestSubmit();
    };
  }

  focus() { this.#fields.task?.focus(); }

  async #send() {
    const f = this.#fields;
    const task = f.task.value.trim();
    if (!task) return;
    const body = { task };
    if (f.session.value.trim()) body.session_id = f.session.value.trim();
    if (f.steps.value) body.max_steps = Number(f.steps.value);
    const id = `live-${crypto.randomUUID()}`;
    const headers = { 'Content-Type': 'application/json', 'X-Correlation-ID': id };
    if (f.stream.checked) headers.Accept = 'text/event-stream, application/json;q=0.9';
    if (this.#fault) headers['X-Live-Fault'] = this.#fault;
    this.#fault = '';
    const none = this.#form.querySelector('input[name=fault][value=""]');
    if (none) none.checked = true;
    this.onSend(id);
    try {
      const response = await fetch(endpoint, { method: 'POST', headers, body: JSON.stringify(body) });
      if (response.headers.get('Content-Type')?.startsWith('text/event-stream')) await this.#read(id, response.body);
      else await response.text();
    } catch (e) {
      this.#failedToSend.set(id, String(e?.message ?? e));
    }
    this.#said.delete(id);
    this.draw();
    this.#announce(id);
  }

  // read shows the text of a stream as it comes; what it ends with arrives as the turn's answer.
  async #read(id, body) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (rest + value).split(/\r?\n\r?\n/);
      rest = blocks.pop();
      for (const block of blocks) {
        const event = parseEvent(block);
        if (event.name === 'delta') this.#said.set(id, (this.#said.get(id) ?? '') + String(event.data?.text ?? ''));
        else if (event.name === 'step' || event.name === 'tool') this.#said.delete(id); // what was said before a call is not the answer
      }
      this.draw();
    }
  }

  #announce(id) {
    const turn = this.#store.turns.get(id);
    if (turn?.answer?.response) announce(`Answer: ${cut(turn.answer.response, 300)}`);
    else if (turn?.answer?.detail) announce(`Failed: ${turn.answer.detail}`);
  }

  select(turnId) {
    if (this.#selected === turnId) return;
    this.#selected = turnId;
    this.draw();
    this.#drawn.get(turnId)?.el.scrollIntoView({ block: 'nearest' });
  }

  draw() {
    const atEnd = this.#list.scrollTop + this.#list.clientHeight >= this.#list.scrollHeight - 40;
    const turns = [...this.#store.turns.values()].sort((a, b) => a.began_us - b.began_us);
    let before = 0;
    for (const turn of turns) {
      const trace = this.#store.traceOf(turn);
      const key = JSON.stringify([turn, this.#said.get(turn.id), this.#selected === turn.id, trace?.id, this.#failedToSend.get(turn.id)]);
      const drawn = this.#drawn.get(turn.id);
      if (drawn?.key !== key) {
        const el = this.#turn(turn, trace);
        if (drawn) drawn.el.replaceWith(el);
        this.#drawn.set(turn.id, { key, el });
      }
      const { el } = this.#drawn.get(turn.id);
      if (this.#list.children[before] !== el) this.#list.insertBefore(el, this.#list.children[before] ?? null);
      before++;
    }
    for (const id of [...this.#drawn.keys()]) if (!this.#store.turns.has(id)) this.#drawn.delete(id);
    while (this.#list.children.length > before) this.#list.lastChild.remove();
    if (before === 0) this.#list.append(h('p', { class: 'quiet hint' }, this.#store.hello?.agent ? 'Send a task: its trace opens on the right while it runs.' : 'There is no agent to talk to here.'));
    if (atEnd) this.#list.scrollTop = this.#list.scrollHeight;
  }

  #turn(turn, trace) {
    const answer = turn.answer ?? null;
    const problem = answer && answer.response === undefined ? answer.detail ?? answer.title : turn.error || this.#failedToSend.get(turn.id);
    const said = this.#said.get(turn.id);
    const running = !turn.ended_us;
    const u = answer?.usage;
    const meta = [];
    if (turn.status) meta.push(String(answer?.status ?? turn.status)); // a stream that failed says its status itself
    if (answer?.finish_reason) meta.push(answer.finish_reason.replaceAll('_', ' '));
    if (u) meta.push(`${count(u.input_tokens)}→${count(u.output_tokens)} tok`);
    if (typeof u?.cost_usd === 'number') meta.push(money(u.cost_usd));
    if (turn.ended_us) meta.push(ms((turn.ended_us - turn.began_us) / 1000));
    return h('article', { class: `turn${this.#selected === turn.id ? ' selected' : ''}`, data: { turn: turn.id } },
      h('p', { class: 'task' }, turn.task || '(no task)',
        turn.session_id ? h('span', { class: 'tag' }, `session ${turn.session_id}`) : null,
        turn.fault ? h('span', { class: 'tag fault' }, turn.fault) : null),
      problem ? h('p', { class: 'problem' }, problem) : answer ? h('p', { class: 'answer' }, answer.response)
        : said ? h('p', { class: 'answer streaming' }, said) : h('p', { class: 'answer quiet' }, running ? 'working…' : ''),
      h('footer', {},
        h('span', { class: 'meta' }, meta.join(' · ')),
        trace ? h('button', { class: 'linkish', 'aria-pressed': String(this.#selected === turn.id), on: { click: () => this.onSelect(trace.id) } }, 'trace') : null,
        h('button', { class: 'linkish', on: { click: (e) => copy(e.target, curl(turn, this.#store.hello?.agent ?? '')) } }, 'copy as curl')));
  }
}

function parseEvent(block) {
  let name = '';
  const data = [];
  for (const line of block.split(/\r?\n/)) {
    const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line);
    if (field === 'event') name = value;
    else if (field === 'data') data.push(value);
  }
  try {
    return { name, data: JSON.parse(data.join('\n')) };
  } catch {
    return { name, data: null };
  }
}

// curl is the request for a shell; single quotes keep everything but themselves.
export function curl(turn, agent) {
  const body = { task: turn.task };
  if (turn.user_id) body.user_id = turn.user_id;
  if (turn.session_id) body.session_id = turn.session_id;
  if (turn.max_steps) body.max_steps = turn.max_steps;
  const quoted = JSON.stringify(body).replaceAll("'", "'\\''");
  return `curl -s${turn.stream ? 'N' : ''} ${agent}${endpoint} -H 'Content-Type: application/json'${turn.stream ? " -H 'Accept: text/event-stream'" : ''} -d '${quoted}'`;
}
