// OTLP/JSON: what the stream sends, and what is saved and loaded.

const kinds = ['', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'];
const statuses = ['Unset', 'Ok', 'Error'];

// value turns an OTLP value into a plain one. 64 bit integers that a number cannot hold stay text.
export function value(v) {
  if (!v || typeof v !== 'object') return null;
  if ('stringValue' in v) return String(v.stringValue);
  if ('boolValue' in v) return Boolean(v.boolValue);
  if ('intValue' in v) {
    const n = Number(v.intValue);
    return Number.isSafeInteger(n) ? n : String(v.intValue);
  }
  if ('doubleValue' in v) return Number(v.doubleValue);
  if ('bytesValue' in v) return String(v.bytesValue);
  if ('arrayValue' in v) return list(v.arrayValue?.values).map(value);
  if ('kvlistValue' in v) return attributes(v.kvlistValue?.values);
  return null;
}

export function attributes(kvs) {
  const out = Object.create(null); // keys come from outside
  for (const kv of list(kvs)) if (kv && typeof kv.key === 'string') out[kv.key] = value(kv.value);
  return out;
}

const list = (v) => (Array.isArray(v) ? v : []);

// enumeration reads a number, or the name that protobuf's JSON may have in its place.
function enumeration(v, names, prefix) {
  if (typeof v === 'number') return names[v] ?? names[0];
  const name = String(v ?? '').replace(prefix, '').toLowerCase();
  return names.find((n) => n && n.toLowerCase() === name) ?? names[0];
}

function nanos(v) {
  try {
    return BigInt(v ?? 0);
  } catch {
    return 0n;
  }
}

const msOf = (ns) => Number(ns / 1000n) / 1000;

const hex = (v, digits) => {
  const s = String(v ?? '').toLowerCase();
  return s.length === digits && /^[0-9a-f]+$/.test(s) && !/^0+$/.test(s) ? s : '';
};

// parse reads a document and returns its spans; what is no span is left out.
export function parse(doc) {
  const spans = [];
  for (const rs of list(doc?.resourceSpans)) {
    const resource = attributes(rs?.resource?.attributes);
    for (const ss of list(rs?.scopeSpans)) {
      for (const json of list(ss?.spans)) {
        const span = parseSpan(json, resource, ss?.scope?.name ?? '', rs, ss);
        if (span) spans.push(span);
      }
    }
  }
  return spans;
}

function parseSpan(json, resource, scope, rs, ss) {
  const traceId = hex(json?.traceId, 32);
  const id = hex(json?.spanId, 16);
  if (!traceId || !id) return null;
  const startNs = nanos(json.startTimeUnixNano);
  const endNs = nanos(json.endTimeUnixNano);
  return {
    traceId, id, parent: hex(json.parentSpanId, 16), name: String(json.name ?? ''),
    kind: enumeration(json.kind, kinds, /^SPAN_KIND_/) || 'INTERNAL', startNs,
    start: msOf(startNs), end: endNs > 0n ? Math.max(msOf(endNs), msOf(startNs)) : null,
    attrs: attributes(json.attributes),
    events: list(json.events).map((e) => ({
      name: String(e?.name ?? ''), time: msOf(nanos(e?.timeUnixNano)), attrs: attributes(e?.attributes),
    })),
    links: list(json.links).map((l) => ({
      traceId: hex(l?.traceId, 32), spanId: hex(l?.spanId, 16), attrs: attributes(l?.attributes),
    })),
    status: { code: enumeration(json.status?.code ?? 0, statuses, /^STATUS_CODE_/), message: String(json.status?.message ?? '') },
    service: String(resource['service.name'] ?? 'unknown service'), resource, scope,
    json, envelope: { resource: rs.resource, schemaUrl: rs.schemaUrl, scope: ss.scope, scopeSchemaUrl: ss.schemaUrl },
  };
}

// parseFile reads a file: one document, or one on each line as the collector's file exporter writes them.
export function parseFile(content) {
  const docs = [];
  try {
    docs.push(JSON.parse(content));
  } catch {
    for (const line of content.split('\n')) {
      if (!line.trim()) continue;
      try {
        docs.push(JSON.parse(line));
      } catch {
        throw new Error('the file is not JSON');
      }
    }
  }
  const spans = docs.flatMap(parse);
  if (spans.length === 0) throw new Error('the file holds no OTLP spans (resourceSpans)');
  return spans;
}

// serialize makes the document of spans that have ended.
export function serialize(spans) {
  const groups = new Map();
  for (const s of spans) {
    if (s.end === null) continue;
    const key = JSON.stringify(s.envelope);
    if (!groups.has(key)) groups.set(key, { envelope: s.envelope, spans: [] });
    groups.get(key).spans.push(s.json);
  }
  return {
    resourceSpans: [...groups.values()].map((g) => ({
      resource: g.envelope.resource, schemaUrl: g.envelope.schemaUrl,
      scopeSpans: [{ scope: g.envelope.scope, schemaUrl: g.envelope.scopeSchemaUrl, spans: g.spans }],
    })),
  };
}
