// Command costmain is functionmain with a second server on COST_PORT: /allocations is the number of allocations since
// the start, /debug/pprof/ the profiles.
package main

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	_ "net/http/pprof" // on the default mux, which only the second server uses
	"os"
	"runtime"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"

	_ "example.com/gemini-agent" // registers the function
)

func main() {
	http.HandleFunc("/allocations", func(w http.ResponseWriter, _ *http.Request) {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		_, _ = fmt.Fprint(w, m.Mallocs)
	})
	figures := &http.Server{
		Addr: net.JoinHostPort("127.0.0.1", os.Getenv("COST_PORT")), ReadHeaderTimeout: 10 * time.Second,
	}
	go func() { fmt.Fprintln(os.Stderr, "costmain:", figures.ListenAndServe()) }()
	if err := funcframework.Start(cmp.Or(os.Getenv("PORT"), "8080")); err != nil {
		fmt.Fprintln(os.Stderr, "costmain:", err)
		os.Exit(1)
	}
}
