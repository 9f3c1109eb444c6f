package function

import (
	"go/ast"
	"os"
	"regexp"
	"testing"
)

// What CONTRIBUTING.md says of the code is there: every file and folder, and the functions and types of its walk.
func TestContributingNamesWhatIsThere(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]map[string]bool{} // by file
	for _, s := range sources(t) {
		names[s.path] = declared(s.file)
	}
	stops := regexp.MustCompile("`([a-z_/]+\\.go)` `([A-Za-z.]+)`").FindAllStringSubmatch(string(page), -1)
	if len(stops) < 10 {
		t.Errorf("the walk has %d stops", len(stops))
	}
	for _, stop := range stops {
		if !names[stop[1]][stop[2]] {
			t.Errorf("%s has no %s", stop[1], stop[2])
		}
	}
	for _, match := range regexp.MustCompile("`([A-Za-z_./]+(?:\\.go|\\.md|/))`").FindAllStringSubmatch(string(page), -1) {
		if _, err := os.Stat(match[1]); err != nil {
			t.Error(err)
		}
	}
}

// declared are the functions and types of a file, methods as Type.Method.
func declared(file *ast.File) map[string]bool {
	names := map[string]bool{}
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			name := d.Name.Name
			if d.Recv != nil {
				typ := d.Recv.List[0].Type
				if star, ok := typ.(*ast.StarExpr); ok {
					typ = star.X
				}
				if id, ok := typ.(*ast.Ident); ok { // else it is generic, and not named there
					name = id.Name + "." + name
				}
			}
			names[name] = true
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				if typ, ok := spec.(*ast.TypeSpec); ok {
					names[typ.Name.Name] = true
				}
			}
		}
	}
	return names
}
