# tools of MCP servers, and a Gemini, that others wrote
everything=$(npm_package @modelcontextprotocol/server-everything 2026.8.31)
MCP_EVERYTHING="$everything/dist/index.js" go test -count=1 -run Everything -v ./agent/...
peers="$cache/npm/peers-1.32.2-4.6.7-1.43.0"
if [ ! -d "$peers/node_modules" ]; then
  rm -rf "$peers.new" && mkdir -p "$peers.new"
  npm install --silent --no-fund --no-audit --prefix "$peers.new" \
    @modelcontextprotocol/sdk@1.32.2 zod@4.6.7 @copilotkit/aimock@1.43.0 >&2
  mv "$peers.new" "$peers"
fi
PEERS="$peers" go test -count=1 -run 'Zod|Aimock' -v ./agent ./agent/mcptools
