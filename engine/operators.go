package engine

import (
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/tensor"
)

// OperatorInfo is one version of an operator that the engine supports.
type OperatorInfo struct {
	Domain, Name string
	Since, Until int            // the domain's opsets with this version; Until 0: up to the newest
	Types        tensor.TypeSet // element types of its first input; 0: any value
}

// Operators lists all versions of all operators that the engine supports, sorted by
// domain, name and version.
func Operators() []OperatorInfo {
	var out []OperatorInfo
	for _, d := range ops.Defs() {
		if d.Domain != ops.Internal {
			out = append(out, OperatorInfo{d.Domain, d.Name, d.Since, d.Until, d.Types})
		}
	}
	return out
}
