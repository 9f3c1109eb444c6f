package deploycheck

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// Environment gives the plain environment variables that terraform sets on both functions when it is applied with
// the variables given and defaults for the rest; it evaluates local.environment. Secrets, and what differs between
// the functions, are not in it. Only string variables can be given.
func Environment(root string, given map[string]string) (map[string]string, error) {
	files, err := parseModule(root)
	if err != nil {
		return nil, err
	}
	vars, err := variables(files, given)
	if err != nil {
		return nil, err
	}
	ctx := &hcl.EvalContext{
		Variables: map[string]cty.Value{
			"var": object(vars),
			"data": cty.ObjectVal(map[string]cty.Value{"archive_file": cty.ObjectVal(map[string]cty.Value{
				"source": cty.ObjectVal(map[string]cty.Value{"output_sha256": cty.StringVal("rehearsal000")}),
			})}),
		},
		Functions: map[string]function.Function{
			"coalesce": stdlib.CoalesceFunc,
			"merge":    stdlib.MergeFunc,
			"substr":   stdlib.SubstrFunc,
			"tostring": stdlib.MakeToFunc(cty.String),
		},
	}
	env, err := local(files, ctx, "environment")
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for name, v := range env.AsValueMap() {
		s, err := convert.Convert(v, cty.String)
		if err != nil || s.IsNull() {
			return nil, fmt.Errorf("evaluating local.environment: %s is not a string", name)
		}
		out[name] = s.AsString()
	}
	return out, nil
}

// variables gives each variable its given value or its default; one with neither is an error.
func variables(files map[string]*hclsyntax.Body, given map[string]string) (map[string]cty.Value, error) {
	unknown := maps.Clone(given)
	vars := map[string]cty.Value{}
	for _, body := range files {
		for _, block := range body.Blocks {
			if block.Type != "variable" {
				continue
			}
			name := block.Labels[0]
			if v, ok := given[name]; ok {
				delete(unknown, name)
				vars[name] = cty.StringVal(v)
				continue
			}
			attr, ok := block.Body.Attributes["default"]
			if !ok {
				return nil, fmt.Errorf("reading variables: %s is required", name)
			}
			v, err := evaluated(attr.Expr, nil)
			if err != nil {
				return nil, err
			}
			vars[name] = v
		}
	}
	if len(unknown) > 0 {
		return nil, fmt.Errorf("reading variables: none is called %s", slices.Sorted(maps.Keys(unknown)))
	}
	return vars, nil
}

// local evaluates one local value, and before it the locals that it names.
func local(files map[string]*hclsyntax.Body, ctx *hcl.EvalContext, name string) (cty.Value, error) {
	for _, body := range files {
		for _, block := range body.Blocks {
			attr, ok := block.Body.Attributes[name]
			if block.Type != "locals" || !ok {
				continue
			}
			needed := map[string]cty.Value{}
			for _, traversal := range attr.Expr.Variables() {
				if traversal.RootName() != "local" {
					continue
				}
				dep := traversal[1].(hcl.TraverseAttr).Name
				v, err := local(files, ctx, dep)
				if err != nil {
					return cty.NilVal, err
				}
				needed[dep] = v
			}
			child := ctx.NewChild()
			child.Variables = map[string]cty.Value{"local": object(needed)}
			return evaluated(attr.Expr, child)
		}
	}
	return cty.NilVal, fmt.Errorf("reading locals: none is called %s", name)
}
