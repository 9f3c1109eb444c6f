# traces as a real Jaeger shows them (JAEGER_BIN: a Jaeger of yours)
# Compose pulls 2.20. This is the newest that Go can build from its module: later ones are tagged v2 without /v2 in their
# module path. Both have /api/v3, which the tests ask; where the older API is there too, they compare.
if [ -z "${JAEGER_BIN:-}" ]; then
  JAEGER_BIN=$(go_program github.com/jaegertracing/jaeger v1.76.0 cmd/jaeger)
  export JAEGER_BIN
fi
go test -count=1 -run Jaeger -v ./local
