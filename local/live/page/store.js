// What the page knows: traces, turns and what the run is, fed by the stream and by files.

import { parse } from './otlp.js';

export class Store extends EventTarget {
  traces = new Map(); // by id: {id, spans, dropped, file, version}
  turns = new Map(); // by id
  hello = null;
  connected = false;
  skew = 0; // ms that the server's clock is ahead of ours
  #pending = new Set();

  now() { return performance.timeOrigin + performance.now() + this.skew; }

  // changed tells listeners once per frame what has changed: 'traces', 'turns', 'hello', 'connection'.
  #changed(what) {
    if (this.#pending.size === 0) {
      // A hidden page draws no frames; its title and its announcements still count.
      const tell = () => {
        const whats = this.#pending;
        this.#pending = new Set();
        this.dispatchEvent(new CustomEvent('change', { detail: whats }));
      };
      if (document.hidden) setTimeout(tell, 100);
      else requestAnimationFrame(tell);
    }
    this.#pending.add(what);
  }

  connect() {
    const source = new EventSource('/live/events');
    const on = (name, f) => source.addEventListener(name, (e) => f.call(this, JSON.parse(e.data)));
    source.addEventListener('open', () => this.#setConnected(true));
    source.addEventListener('error', () => {
      this.#setConnected(false);
      if (source.readyState === EventSource.CLOSED) setTimeout(() => this.connect(), 2000);
    });
    on('hello', this.#hello);
    on('ring', this.#ring);
    on('turns', this.#turns);
    on('spans', (doc) => this.add(parse(doc), null));
    addEventListener('pagehide', () => source.close(), { once: true });
    // Coming back from the back-forward cache, the page is as it was, with its connection closed.
    addEventListener('pageshow', (e) => { if (e.persisted) location.reload(); }, { once: true });
  }

  #setConnected(connected) {
    this.connected = connected;
    this.#changed('connection');
  }

  #hello(hello) {
    this.hello = hello;
    this.skew = hello.now_us / 1000 - (performance.timeOrigin + performance.now());
    for (const t of [...this.traces.values()]) if (!t.file) this.traces.delete(t.id);
    this.turns.clear();
    for (const what of ['hello', 'traces', 'turns']) this.#changed(what);
  }

  #ring({ traces }) {
    const kept = new Map(traces.map((t) => [t.id, t.dropped ?? 0]));
    for (const t of [...this.traces.values()]) if (!t.file && !kept.has(t.id)) this.traces.delete(t.id);
    for (const [id, dropped] of kept) this.#trace(id).dropped = dropped;
    this.#changed('traces');
  }

  #turns(turns) {
    for (const t of turns) this.turns.set(t.id, t);
    for (const id of [...this.turns.keys()].slice(0, -50)) this.turns.delete(id);
    this.#changed('turns');
  }

  #trace(id) {
    let t = this.traces.get(id);
    if (!t) {
      t = { id, spans: new Map(), dropped: 0, file: null, version: 0, correlation: '' };
      this.traces.set(id, t);
    }
    return t;
  }

  // add takes spans as they are now. A span that has ended is not opened again.
  add(spans, file) {
    const touched = new Set();
    for (const s of spans) {
      const t = this.#trace(s.traceId);
      if (t.spans.get(s.id)?.end != null && s.end === null) continue;
      t.spans.set(s.id, s);
      t.version++;
      if (file) t.file = file;
      if (!t.correlation) t.correlation = String(s.attrs['correlation.id'] ?? '');
      touched.add(t);
    }
    if (touched.size > 0) this.#changed('traces');
    return touched;
  }

  // turnOf finds the request that made a trace, traceOf the trace that a request has made.
  turnOf(trace) {
    for (const t of this.turns.values()) if (t.trace_id === trace.id || (trace.correlation && t.id === trace.correlation)) return t;
    return null;
  }

  traceOf(turn) {
    const known = this.traces.get(turn.trace_id);
    if (known) return known;
    for (const t of this.traces.values()) if (t.correlation === turn.id) return t;
    return null;
  }
}
