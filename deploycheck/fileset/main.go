// Command fileset prints what a deploy is made of, for scripts. Run it in the repository's root:
//
//	go run ./deploycheck/fileset                                       # the files that are uploaded, one a line
//	go run ./deploycheck/fileset -env project_id=p region=r            # NAME=value of the function's environment
package main

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"example.com/gemini-agent/deploycheck"
)

func main() {
	if err := run(os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "fileset:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, args []string) error {
	flags := flag.NewFlagSet("fileset", flag.ContinueOnError)
	root := flags.String("root", ".", "root of the repository")
	env := flags.Bool("env", false, "print the environment instead, for the terraform variables NAME=VALUE given")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if !*env {
		files, err := deploycheck.SourceFiles(*root)
		if err != nil {
			return err
		}
		if _, err := deploycheck.RootPackage(*root, files); err != nil {
			return err
		}
		for _, file := range files {
			fmt.Fprintln(w, file)
		}
		return nil
	}
	given := map[string]string{}
	for _, arg := range flags.Args() {
		name, value, ok := strings.Cut(arg, "=")
		if !ok {
			return fmt.Errorf("reading arguments: %q is not NAME=VALUE", arg)
		}
		given[name] = value
	}
	vars, err := deploycheck.Environment(*root, given)
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		fmt.Fprintf(w, "%s=%s\n", name, vars[name])
	}
	return err
}
