package agent

import (
	"context"
	"net/http"
	"strconv"
	"strings"
)

// DepthHeader counts the delegations a request has been through. It is ours: a caller from outside does not send it.
const DepthHeader = "X-Delegation-Depth"

// MaxDepth is how many delegations in a row are allowed. Agents that delegate to each other in a circle end here
// instead of spending a model call a hop until the platform's timeout.
const MaxDepth = 5

type depthKey struct{}

// ContextWithDepth returns a context that says how many delegations led here.
// Depths below 0 count as 0, depths above MaxDepth as MaxDepth.
func ContextWithDepth(ctx context.Context, depth int) context.Context {
	return context.WithValue(ctx, depthKey{}, min(max(depth, 0), MaxDepth))
}

// Depth returns how many delegations led to this request: 0 when it came from outside.
func Depth(ctx context.Context) int {
	depth, _ := ctx.Value(depthKey{}).(int)
	return depth
}

// DepthFromHeader reads DepthHeader. No header means 0. Anything but a single decimal number from 0 to MaxDepth means
// MaxDepth: only our own services send it, so a value that makes no sense must not reset the count. The request itself
// is served all the same; it only may not delegate further.
func DepthFromHeader(h http.Header) int {
	values := h.Values(DepthHeader)
	if len(values) == 0 {
		return 0
	}
	text := strings.TrimSpace(values[0])
	if len(values) > 1 || len(text) != 1 {
		return MaxDepth
	}
	depth, err := strconv.ParseUint(text, 10, 8)
	if err != nil || depth > MaxDepth {
		return MaxDepth
	}
	return int(depth)
}
