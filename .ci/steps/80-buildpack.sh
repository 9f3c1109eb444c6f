# what a deploy uploads, built as the buildpack builds it, and asked
go build -o "$cache/geminisim" ./local/geminisim
rm -f "$cache/geminisim.url"
"$cache/geminisim" >"$cache/geminisim.url" &
gemini=$!
trap 'kill "$gemini"' EXIT
until [ -s "$cache/geminisim.url" ]; do sleep 0.1; done
.ci/buildpack
.ci/buildpack "$(cat "$cache/geminisim.url")"
