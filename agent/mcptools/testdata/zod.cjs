// An MCP server of the TypeScript SDK whose schemas are zod's. PEERS is a directory with both packages installed; the
// port comes as the argument.
const { createRequire } = require("node:module");
const { createServer } = require("node:http");
const path = require("node:path");
const peers = createRequire(path.join(process.env.PEERS, "package.json"));
const { McpServer } = peers("@modelcontextprotocol/sdk/server/mcp.js");
const { StreamableHTTPServerTransport } = peers("@modelcontextprotocol/sdk/server/streamableHttp.js");
const { z } = peers("zod");

const text = (value) => ({ content: [{ type: "text", text: typeof value === "string" ? value : JSON.stringify(value) }] });
const Node = z.object({ name: z.string(), get children() { return z.array(Node).optional(); } });

function build() {
  const server = new McpServer({ name: "zod", version: "1.0.0" });
  const tool = (name, inputSchema, answer = text, more = {}) =>
    server.registerTool(name, { description: name, inputSchema, ...more }, async (args) => answer(args));
  tool("mail", { address: z.email(), copies: z.int().min(1).max(9).default(1) });
  tool("loose", z.looseObject({}));
  tool("loose_with_fields", z.looseObject({ a: z.string() }));
  tool("strict", z.strictObject({ a: z.string() }));
  tool("kinds", {
    when: z.iso.datetime().optional(), link: z.url().optional(), id: z.uuid().optional(), big: z.number().optional(),
    choice: z.union([z.literal("a"), z.literal(7), z.null()]).optional(), pair: z.tuple([z.string(), z.number()]).optional(),
    map: z.record(z.string(), z.number()).optional(), list: z.array(z.enum(["x", "y"])).optional(),
    shape: z.discriminatedUnion("kind", [z.object({ kind: z.literal("dot") }), z.object({ kind: z.literal("line"), length: z.number() })]).optional(),
  });
  tool("tree", { root: Node });
  tool("nothing", {}, () => text("done"));
  tool("both", {}, () => ({ content: [{ type: "text", text: "the file itself" }], structuredContent: { lines: 3 } }),
    { outputSchema: { lines: z.number() } });
  tool("written_out", {}, () => ({ content: [{ type: "text", text: '{"lines":3}' }], structuredContent: { lines: 3 } }),
    { outputSchema: { lines: z.number() } });
  tool("fails", {}, () => { throw new Error("no such thing"); });
  return server;
}

createServer(async (req, res) => {
  const server = build();
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
  res.on("close", () => { transport.close(); server.close(); });
  await server.connect(transport);
  await transport.handleRequest(req, res);
}).listen(Number(process.argv[2]), "127.0.0.1", () => console.log("listening"));
