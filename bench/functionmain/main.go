// Command functionmain is the program that the platform's build makes of this module: it serves the function named by
// FUNCTION_TARGET on PORT.
package main

import (
	"cmp"
	"fmt"
	"os"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"

	_ "example.com/gemini-agent" // registers the function
)

func main() {
	if err := funcframework.Start(cmp.Or(os.Getenv("PORT"), "8080")); err != nil {
		fmt.Fprintln(os.Stderr, "functionmain:", err)
		os.Exit(1)
	}
}
