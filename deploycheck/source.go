package deploycheck

import (
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// SourceFiles lists what a deploy uploads from the folder root: all but terraform's excludes. Paths are relative to
// root, with slashes, in lexical order.
func SourceFiles(root string) ([]string, error) {
	excludes, err := SourceExcludes(root)
	if err != nil {
		return nil, err
	}
	return without(root, excludes)
}

// SourceExcludes reads the excludes of the archive in terraform/source.tf under root.
func SourceExcludes(root string) ([]string, error) {
	body, err := parseFile(filepath.Join(root, "terraform", "source.tf"))
	if err != nil {
		return nil, err
	}
	for _, block := range body.Blocks {
		if block.Type != "data" || len(block.Labels) != 2 || block.Labels[0] != "archive_file" {
			continue
		}
		attr, ok := block.Body.Attributes["excludes"]
		if !ok {
			return nil, fmt.Errorf("reading terraform/source.tf: the archive has no excludes")
		}
		list, err := evaluated(attr.Expr, nil)
		if err != nil {
			return nil, err
		}
		var excludes []string
		for _, v := range list.AsValueSlice() {
			excludes = append(excludes, v.AsString())
		}
		return excludes, nil
	}
	return nil, fmt.Errorf("reading terraform/source.tf: no archive_file in it")
}

// without walks root as the archive provider does: a pattern that matches a folder leaves out all of it, and patterns
// are matched against whole relative paths, so that "*.md" means the top folder only.
func without(root string, excludes []string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		for _, exclude := range excludes {
			match, err := doublestar.Match(exclude, rel)
			switch {
			case err != nil:
				return fmt.Errorf("matching %q: %w", exclude, err)
			case match && d.IsDir():
				return filepath.SkipDir
			case match:
				return nil
			}
		}
		if !d.IsDir() {
			files = append(files, rel)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing the source: %w", err)
	}
	return files, nil
}

// RootPackage gives the one package that the .go files of the root declare. The buildpack reads them all, tests and
// files for other build tags too, and refuses two packages, and a main.
func RootPackage(root string, files []string) (string, error) {
	found := ""
	for _, file := range files {
		if filepath.Ext(file) != ".go" || filepath.Base(file) != file {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.PackageClauseOnly)
		if err != nil {
			return "", fmt.Errorf("reading the package clause: %w", err)
		}
		switch name := parsed.Name.Name; {
		case name == "main":
			return "", fmt.Errorf("%s is package main, which cannot be imported", file)
		case found != "" && found != name:
			return "", fmt.Errorf("%s is package %s, but another file of the root is package %s", file, name, found)
		default:
			found = name
		}
	}
	if found == "" {
		return "", fmt.Errorf("the root has no Go file")
	}
	return found, nil
}

// parseFile reads one file of HCL.
func parseFile(path string) (*hclsyntax.Body, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading HCL: %w", err)
	}
	file, diags := hclparse.NewParser().ParseHCL(src, path)
	if diags.HasErrors() {
		return nil, fmt.Errorf("parsing HCL: %w", diags)
	}
	return file.Body.(*hclsyntax.Body), nil
}

// parseModule reads all *.tf files in terraform/ under root, by file name.
func parseModule(root string) (map[string]*hclsyntax.Body, error) {
	paths, err := filepath.Glob(filepath.Join(root, "terraform", "*.tf"))
	if err != nil {
		return nil, fmt.Errorf("listing terraform/: %w", err)
	}
	if len(paths) == 0 {
		return nil, errors.New("listing terraform/: no *.tf files")
	}
	files := make(map[string]*hclsyntax.Body, len(paths))
	for _, path := range paths {
		body, err := parseFile(path)
		if err != nil {
			return nil, err
		}
		files[filepath.Base(path)] = body
	}
	return files, nil
}

// object makes the value of a name such as var or local out of what is known of it.
func object(values map[string]cty.Value) cty.Value {
	if len(values) == 0 {
		return cty.EmptyObjectVal
	}
	return cty.ObjectVal(values)
}

// evaluated gives the value of an expression, or why there is none.
func evaluated(expr hcl.Expression, ctx *hcl.EvalContext) (cty.Value, error) {
	v, diags := expr.Value(ctx)
	if diags.HasErrors() {
		return cty.NilVal, fmt.Errorf("evaluating %s: %w", expr.Range(), diags)
	}
	return v, nil
}
