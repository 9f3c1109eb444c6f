# the tests, by the README's command
command=$(sed -n 's/^go test .*/&/p' README.md | head -1)
[ -n "$command" ] || { echo "README.md has no test command"; exit 1; }
echo "$command"
$command
