# every fuzz target for 3 s
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for package in $(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do
  go test -c -fuzz . -o "$work/fuzz.test" "$package"
  for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9]*\).*/\1/p' "$package"/*_test.go); do
    if ! (cd "$package" && "$work/fuzz.test" -test.run '^$' -test.fuzz "^$target\$" -test.fuzztime 3s \
      -test.fuzzcachedir "$cache/fuzz/$package") >"$work/log" 2>&1; then
      cat "$work/log"
      exit 1
    fi
    echo "$target in $package: $(grep -o 'execs: [0-9]*' "$work/log" | tail -1)"
  done
done
