package deploycheck

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// Environment gives the plain environment variables that terraform sets on both functions when it is applied with
// the variables given and defaults for the rest; it evaluates local.environment. Secrets, and what differs between
// the functions, are not in it. Only string variables can be given.
func Environment(root string, given map[string]string) (map[string]string, error) {
	files, err := parseModule(root)
	if err != nil {
		return nil, err
	}
	env, err := givenLocal(files, given, "environment")
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

// Local gives a local value, for the variables given and defaults for the rest, to out as JSON would. Only string variables
// can be given.
func Local(root string, given map[string]string, name string, out any) error {
	files, err := parseModule(root)
	if err != nil {
		return err
	}
	v, err := givenLocal(files, given, name)
	if err != nil {
		return err
	}
	raw, err := ctyjson.Marshal(v, v.Type())
	if err != nil {
		return fmt.Errorf("reading local.%s: %w", name, err)
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("reading local.%s: %w", name, err)
	}
	return nil
}

func givenLocal(files map[string]*hclsyntax.Body, given map[string]string, name string) (cty.Value, error) {
	vars, err := variables(files, given)
	if err != nil {
		return cty.NilVal, err
	}
	return local(files, &hcl.EvalContext{
		Variables: map[string]cty.Value{
			"var": object(vars),
			"data": cty.ObjectVal(map[string]cty.Value{"archive_file": cty.ObjectVal(map[string]cty.Value{
				"source": cty.ObjectVal(map[string]cty.Value{"output_sha256": cty.StringVal("rehearsal000")}),
			})}),
		},
		Functions: map[string]function.Function{
			"coalesce": stdlib.CoalesceFunc,
			"join":     stdlib.JoinFunc,
			"keys":     stdlib.KeysFunc,
			"merge":    stdlib.MergeFunc,
			"replace":  stdlib.ReplaceFunc,
			"substr":   stdlib.SubstrFunc,
			"tostring": stdlib.MakeToFunc(cty.String),
			"values":   stdlib.ValuesFunc,
		},
	}, name)
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
			if vars[name], err = typed(block.Body.Attributes["type"], v); err != nil {
				return nil, err
			}
		}
	}
	if len(unknown) > 0 {
		return nil, fmt.Errorf("reading variables: none is called %s", slices.Sorted(maps.Keys(unknown)))
	}
	return vars, nil
}

// typed gives a default the type of its variable, with what optional attributes are when they are left out.
func typed(attr *hclsyntax.Attribute, v cty.Value) (cty.Value, error) {
	if attr == nil {
		return v, nil
	}
	t, defaults, diags := typeexpr.TypeConstraintWithDefaults(attr.Expr)
	if diags.HasErrors() {
		return cty.NilVal, fmt.Errorf("reading a type: %w", diags)
	}
	if defaults != nil && !v.IsNull() {
		v = defaults.Apply(v)
	}
	v, err := convert.Convert(v, t)
	if err != nil {
		return cty.NilVal, fmt.Errorf("evaluating %s: %w", attr.Range(), err)
	}
	return v, nil
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
