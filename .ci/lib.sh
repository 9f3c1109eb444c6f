# What the steps of .ci/run share.

cache="${XDG_CACHE_HOME:-$HOME/.cache}/gemini-agent"
mkdir -p "$cache/bin" "$cache/npm"
export GOFLAGS="${GOFLAGS:--buildvcs=false}"

# heartbeat STEP: says every half minute that the step still runs.
heartbeat() {
  local nap
  trap 'kill "$nap"; exit' TERM
  while true; do
    sleep 30 &
    nap=$!
    wait "$nap"
    echo "… $1: $((SECONDS - begin)) s"
  done
}

# need COMMAND PACKAGE: ends the gate unless there is the command. CI, where it is root, installs the Debian package.
need() {
  if command -v "$1" >/dev/null; then return; fi
  if [ "${CI:-}" = true ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && [[ $2 != http* ]]; then
    echo "installing $2"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" >/dev/null
    return
  fi
  echo ".ci/run: $1 is not on this machine; install $2" >&2
  exit 2
}

# go_program MODULE VERSION PACKAGE: prints the path of a program, built once from the module's own go.mod.
go_program() {
  local program dir
  program="$cache/bin/$(basename "$3")-$2"
  if [ ! -x "$program" ]; then
    echo "building $3 $2, once" >&2
    dir=$(go mod download -json "$1@$2" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
    (cd "$dir/$3" && GOFLAGS="-mod=mod -buildvcs=false" go build -o "$program.new" .) >&2
    mv "$program.new" "$program"
  fi
  echo "$program"
}

# npm_package NAME VERSION: prints the folder of an npm package, installed once with all it depends on.
npm_package() {
  local dir="$cache/npm/${1//\//+}@$2"
  if [ ! -d "$dir/node_modules" ]; then
    echo "installing $1@$2, once" >&2
    rm -rf "$dir.new" && mkdir -p "$dir.new"
    npm install --silent --no-fund --no-audit --prefix "$dir.new" "$1@$2" >&2
    mv "$dir.new" "$dir"
  fi
  echo "$dir/node_modules/$1"
}
