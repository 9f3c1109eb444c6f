// Command geminisim serves the simulated Gemini alone, for programs that are started elsewhere. It prints its address.
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"example.com/gemini-agent/agent/geminisim"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "address to listen on")
	flag.Parse()
	if err := serve(*addr); err != nil {
		fmt.Fprintln(os.Stderr, "geminisim:", err)
		os.Exit(1)
	}
}

func serve(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", l.Addr())
	server := &http.Server{Handler: geminisim.New(geminisim.Config{}), ReadHeaderTimeout: 10 * time.Second}
	return server.Serve(l)
}
