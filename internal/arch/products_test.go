package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"strings"
	"testing"
)

// products are the loops of the engine that multiply what they go through by other means
// than tensor.Count, each with the reason why that may be.
var products = map[string]string{
	"engine/cost.go n *= float64(d.N)":                                         "floats",
	"engine/cost_products.go product *= s":                                     "floats",
	"engine/ops/attention_linear.go x *= row(6, groups, g, size)[i]":           "floats",
	"engine/ops/contrib_norm.go row[k] *= gelu(row[n + k])":                    "floats",
	"engine/ops/conv_col2im.go stride *= image[i]":                             "strides",
	"engine/ops/dft.go line[k] *= complex(w, 0)":                               "complex numbers",
	"engine/ops/einsum.go p *= d[at[i] + k * step[i]]":                         "numbers of a tensor",
	"engine/ops/einsum_fast.go own *= float64(x.size[l].N)":                    "floats",
	"engine/ops/grid_fast.go s.factor[i] *= factor[i]":                         "floats",
	"engine/ops/grid_fast.go stride *= size[d]":                                "strides",
	"engine/ops/product_fast.go largest *= max(zero[i] - low, high - zero[i])": "floats",
	"engine/ops/reduce_fast.go a *= float64(v)":                                "floats",
	"engine/ops/reduce.go p *= v":                                              "numbers of a tensor",
	"engine/ops/reduce_fast.go outer *= n":                                     "a part of a shape that was counted",
	"engine/ops/slice.go steps[i] *= by[i].step":                               "strides",
	"engine/ops/view_fast.go have *= to[i]":                                    "a part of a shape that was counted",
	"engine/ops/view_fast.go next *= m.Shape[i]":                               "strides",
	"engine/ops/view_fast.go step *= to[j]":                                    "strides",
	"engine/ops/walk.go w.dims[last] *= n":                                     "a part of a shape that was counted",
	"engine/pass/affine.go scale[i] *= s":                                      "floats",
	"engine/pass/conv.go scale[i] *= before[i]":                                "floats",
	"engine/plan/product.go n *= l.Count":                                      "a part of a shape that was counted",
	"engine/plan/quant_others.go inner *= d[i]":                                "a part of a shape that was counted",
	"engine/tensor/shape.go n *= shape[i]":                                     "strides",
}

// Shapes come from strangers: their products overflow unless tensor.Count makes them.
func TestProducts(t *testing.T) {
	met := map[string]bool{}
	eachFile(t, parser.SkipObjectResolution, func(file string, parsed *ast.File, places *token.FileSet) {
		if !strings.HasPrefix(file, "engine/") || strings.HasPrefix(file, "engine/kernel/") || strings.HasSuffix(file, "_test.go") {
			return
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			var body *ast.BlockStmt
			through := map[string]bool{} // what the loop counts with, or goes through
			switch loop := n.(type) {
			case *ast.RangeStmt:
				body = loop.Body
				for _, v := range []ast.Expr{loop.Key, loop.Value} {
					if v != nil {
						through[types.ExprString(v)] = true
					}
				}
			case *ast.ForStmt:
				body = loop.Body
				if set, ok := loop.Init.(*ast.AssignStmt); ok {
					for _, v := range set.Lhs {
						through[types.ExprString(v)] = true
					}
				}
			default:
				return true
			}
			ast.Inspect(body, func(n ast.Node) bool {
				set, ok := n.(*ast.AssignStmt)
				if !ok || set.Tok != token.MUL_ASSIGN {
					return true
				}
				uses := false
				ast.Inspect(set.Rhs[0], func(n ast.Node) bool {
					name, ok := n.(*ast.Ident)
					uses = uses || ok && through[name.Name]
					return true
				})
				line := file + " " + types.ExprString(set.Lhs[0]) + " *= " + types.ExprString(set.Rhs[0])
				if met[line] = uses || met[line]; uses && products[line] == "" {
					t.Errorf("%s: %s: use tensor.Count, or give the reason here", places.Position(set.Pos()), line)
				}
				return true
			})
			return true
		})
	})
	for line := range products {
		if !met[line] {
			t.Errorf("there is no %s any more", line)
		}
	}
}
