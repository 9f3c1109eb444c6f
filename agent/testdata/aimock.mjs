// aimock as a Gemini that shares no code with ours. PEERS is a directory in which it is installed; the port comes as the
// argument.
import { pathToFileURL } from "node:url";
import path from "node:path";
import fs from "node:fs";

const dir = path.join(process.env.PEERS, "node_modules/@copilotkit/aimock");
const manifest = JSON.parse(fs.readFileSync(path.join(dir, "package.json"), "utf8"));
const entry = manifest.exports?.["."]?.import?.default ?? manifest.exports?.["."]?.import ?? manifest.module ?? manifest.main;
const { LLMock } = await import(pathToFileURL(path.join(dir, entry)).href);

const mock = new LLMock({ port: Number(process.argv[2]) });
mock.on({ userMessage: "hello", hasToolResult: false }, { content: "Hi there!" });
mock.on({ userMessage: "both", hasToolResult: true }, { content: "It is 42, and late." });
mock.on({ userMessage: "both", hasToolResult: false }, {
  toolCalls: [
    { name: "calculate", arguments: '{"expression":"6*7"}' },
    { name: "current_time", arguments: "{}" },
  ],
});
mock.on({ userMessage: "busy" }, { error: { message: "slow down", type: "rate_limit_error" }, status: 429 });
mock.on({ userMessage: "down" }, { error: { message: "overloaded", type: "server_error" }, status: 503 });
mock.on({ userMessage: "wrong" }, { error: { message: "no such thing", type: "invalid_request_error" }, status: 400 });
await mock.start();
console.log("listening");
