# code and tests compile for Windows and macOS
for system in windows darwin; do
  echo "GOOS=$system go vet ./..."
  GOOS=$system go vet ./...
done
