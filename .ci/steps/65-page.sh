# the live page in a real browser, its accessibility, and a page on another origin (CHROMIUM_BIN, AXE_CORE: yours)
if [ -z "${CHROMIUM_BIN:-}" ]; then
  need chromium chromium
fi
if [ -z "${AXE_CORE:-}" ]; then
  AXE_CORE=$(npm_package axe-core 4.14.1)/axe.min.js
  export AXE_CORE
fi
go test -count=1 -v ./local/live
go test -count=1 -v -run Page ./systemtest
