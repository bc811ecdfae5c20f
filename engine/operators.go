package engine

import (
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/tensor"
)

// OperatorInfo is one meaning of an operator that the engine knows.
type OperatorInfo struct {
	Domain, Name string
	Since, Until int            // opset versions of the domain; Until 0: the newest
	Types        tensor.TypeSet // element types of its first input; 0: any value
}

// Operators lists every operator the engine knows, by domain, name and version.
func Operators() []OperatorInfo {
	var out []OperatorInfo
	for _, d := range ops.Defs() {
		if d.Domain != ops.Internal {
			out = append(out, OperatorInfo{d.Domain, d.Name, d.Since, d.Until, d.Types})
		}
	}
	return out
}
