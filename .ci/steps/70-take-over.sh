# docs/tracing-only.md, pasted: the snippet in a module of its own, and the renamed fork
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$work"' EXIT
page=$PWD/docs/tracing-only.md

# block LANGUAGE N: the Nth block of a language on the page.
block() { awk -v lang="$1" -v n="$2" '/^```/ { if (on) on = 0; else if ($0 == "```" lang) on = (++seen == n); next } on' "$page"; }

mkdir "$work/gemini-agent"
git ls-files -z | xargs -0 tar -cf - | tar -xf - -C "$work/gemini-agent"

# run_snippet: starts the program in this folder, asks it, and wants the trace in the terminal.
run_snippet() {
  local port=$((20000 + RANDOM % 10000))
  while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
  go build -o server .
  OTEL_TRACES_EXPORTER=console OTEL_SERVICE_NAME=weather PORT=$port ./server >log 2>&1 &
  server=$!
  until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
    kill -0 "$server" 2>/dev/null || { cat log; return 1; }
    sleep 0.1
  done
  curl -sS --max-time 60 "http://127.0.0.1:$port/rain/Madrid" | grep -Fx 'No rain in Madrid'
  kill "$server" # SIGTERM: the server ends by itself, with code 0
  wait "$server" || { cat log; return 1; }
  server=
  cat log
  grep -qF 'GET /rain/{city}' log
  grep -qF 'tool.forecast' log
}

for way in 1 2; do
  mkdir "$work/service" && cd "$work/service"
  go mod init weather.example/service 2>/dev/null
  block go 1 >main.go
  [ "$way" = 2 ] || sed -i.bak 's|example.com/gemini-agent|weather.example/service|' main.go
  echo "taking the tracing, way $way"
  bash -euo pipefail -c "$(block sh "$way")" 2>&1 | { grep -v -e '^go: \(downloading\|added\|upgraded\|finding\|found\)' || true; }
  run_snippet
  cd "$work" && rm -rf service
done

echo "renaming the module"
cd "$work/gemini-agent"
git init -q . && git add -A
NAME=github.com/someone/agent bash -euo pipefail -c "$(block sh 3)"
if grep -rlF example.com/gemini-agent .; then echo "the old name is left in the files above"; exit 1; fi
go vet ./...
go test . ./tracing/agenttrace ./systemtest
