// The tree of a trace. It depends on the set of spans alone: in whatever order they start and end, and whichever are
// late or lost, the same spans make the same tree, and every span is in it once.

export const before = (a, b) => (a.startNs < b.startNs ? -1 : a.startNs > b.startNs ? 1 : a.id < b.id ? -1 : a.id > b.id ? 1 : 0);

// build links spans to nodes {span, parent, children}. A span whose parent is not there is a root. In a circle of
// parents, which only a broken sender makes, the first span is one.
export function build(spans) {
  const nodes = new Map();
  for (const span of spans) nodes.set(span.id, { span, parent: null, children: [] });
  for (const node of nodes.values()) {
    const parent = nodes.get(node.span.parent);
    if (parent && parent !== node) node.parent = parent;
  }
  breakCircles(nodes);
  const roots = [];
  for (const node of [...nodes.values()].sort((a, b) => before(a.span, b.span))) {
    (node.parent ? node.parent.children : roots).push(node);
  }
  return { roots, nodes };
}

function breakCircles(nodes) {
  const done = new Set();
  for (const start of nodes.values()) {
    const path = new Set();
    let node = start;
    while (node && !done.has(node) && !path.has(node)) {
      path.add(node);
      node = node.parent;
    }
    if (node && path.has(node)) {
      let first = node;
      for (let n = node.parent; n !== node; n = n.parent) if (before(n.span, first.span) < 0) first = n;
      first.parent = null;
    }
    for (const n of path) done.add(n);
  }
}

const method = /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|HTTP)( |$)/;

// isTransport reports whether a span only carries another one's message.
export function isTransport(span) {
  if (span.kind !== 'CLIENT' && span.kind !== 'SERVER') return false;
  const mcp = span.attrs['mcp.method.name'];
  if (mcp !== undefined) return span.kind === 'CLIENT' || mcp !== 'tools/call';
  return span.attrs['http.request.method'] !== undefined || method.test(span.name);
}

export const failed = (span) => span.status.code === 'Error';

// folds reports whether a node is shown as a mark on the row above instead of as a row: transport below another span,
// but not a service's failed answer below which there is nothing that says why.
function folds(node) {
  return node.parent !== null && isTransport(node.span) &&
    !(node.span.kind === 'SERVER' && failed(node.span) && node.children.length === 0);
}

// rows lists a tree's rows {node, depth, folded, children, open} from top to bottom. With transport every span is a row;
// without, transport spans are in the folded list of the row above them, and what is below them moves up.
// Below a node in collapsed there are no rows.
export function rows(tree, { transport = false, collapsed = new Set() } = {}) {
  const out = [];
  const stack = [];
  const push = (nodes, depth, rowOf) => {
    for (let i = nodes.length - 1; i >= 0; i--) stack.push({ node: nodes[i], depth, rowOf });
  };
  push(tree.roots, 0, null);
  while (stack.length > 0) {
    const { node, depth, rowOf } = stack.pop();
    const { children, folded } = transport ? { children: node.children, folded: [] } : unfold(node);
    const row = { node, depth, folded, parent: rowOf, size: children.length, collapsed: collapsed.has(node.span.id) };
    out.push(row);
    if (!row.collapsed) push(children, depth + 1, row);
  }
  return out;
}

// unfold finds what is below a node when transport is folded.
function unfold(node) {
  const children = [];
  const folded = [];
  let lifted = false;
  const stack = [...node.children].reverse();
  while (stack.length > 0) {
    const n = stack.pop();
    if (!folds(n)) {
      children.push(n);
      continue;
    }
    folded.push(n);
    lifted = true;
    for (let i = n.children.length - 1; i >= 0; i--) stack.push(n.children[i]);
  }
  if (lifted) children.sort((a, b) => before(a.span, b.span));
  return { children, folded };
}

// outline writes rows as text, for tests: a row's span, and in brackets the spans that are folded into it.
export function outline(tree, options) {
  return rows(tree, options).map((r) => {
    const folded = r.folded.length > 0 ? ` [${r.folded.map((n) => n.span.id).join(' ')}]` : '';
    return `${' '.repeat(r.depth)}${r.node.span.id}${folded}\n`;
  }).join('');
}
