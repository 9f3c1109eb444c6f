# gofmt, go vet, go mod tidy
unformatted=$(gofmt -l .)
[ -z "$unformatted" ] || { echo "not gofmt-clean: $unformatted"; exit 1; }
go vet ./...
go mod tidy -diff
