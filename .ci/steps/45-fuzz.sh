# every fuzz target for 3 s
grep -rno --include='*_test.go' '^func Fuzz[A-Za-z0-9]*' . | while IFS=: read -r file _ name; do
  echo "${name#func } in $(dirname "$file")"
  go test -run '^$' -fuzz "^${name#func }\$" -fuzztime 3s "$(dirname "$file")" | tail -1
done
