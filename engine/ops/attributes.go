package ops

import (
	"fmt"
	"slices"
	"strings"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/internal/nearest"
)

// bindKnown is BindNode for a node of a model. Its attributes must be known: one that is
// mistyped would be passed over, and the default taken, without a word.
func bindKnown(n *ir.Node, d *Def) (err error) {
	known := n.Asked(func() { err = BindNode(n, d) })
	if err != nil || len(n.Attrs) == 0 {
		return err
	}
	known = slices.Concat(known, ignored[""], ignored[d.Name])
	for _, a := range n.Attrs {
		// Names that begin with two underscores are the programs' own (onnx/defs/schema.cc).
		if !slices.Contains(known, a.Name) && !strings.HasPrefix(a.Name, "__") {
			slices.Sort(known)
			return n.Fail(fmt.Errorf("the operator has no attribute %s%s", onnx.Quote(a.Name), nearest.Hint(a.Name, slices.Compact(known))))
		}
	}
	return nil
}

// ignored lists attributes, by operator, that are looked at only beside others, or never:
// hints, and precisions that every kernel exceeds. Under "" are those of many operators.
var ignored = map[string][]string{
	"":                        {"consumed_inputs"}, // opsets 1 to 5: inputs whose memory may be used again
	"Attention":               {"softmax_precision", "rotary_embedding_dim"},
	"CastMap":                 {"max_map"},
	"Dropout":                 {"ratio"},
	"EmbedLayerNormalization": {"mask_index_type"},
	"FusedGemm":               {"activation_gamma"}, // of no activation that it has
	"Gemm":                    {"broadcast"},        // opset 6: bias is broadcast anyway
	"GroupNormalization":      {"stash_type"},
	"GRU":                     {"output_sequence"}, // opsets 1 to 6: whether Y is computed
	"LSTM":                    {"output_sequence"},
	"RNN":                     {"output_sequence"},
	"LabelEncoder": {"keys_strings", "keys_int64s", "keys_floats", "values_strings", "values_int64s", "values_floats",
		"default_string", "default_int64", "default_float"},
	"LinearClassifier":       {"multi_class"}, // scores are those of each class in either case
	"MatMulNBits":            {"accuracy_level"},
	"StringNormalizer":       {"locale"},
	"SVMRegressor":           {"post_transform"}, // as in ONNX Runtime
	"TreeEnsemble":           {"nodes_hitrates"},
	"TreeEnsembleClassifier": {"nodes_hitrates", "nodes_hitrates_as_tensor"},
	"TreeEnsembleRegressor":  {"nodes_hitrates", "nodes_hitrates_as_tensor"},
}
