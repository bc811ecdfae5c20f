package engine

import (
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/tensor"
)

// ReadTensor parses the bytes of a .pb file that holds one ONNX TensorProto, or a
// SequenceProto or OptionalProto if like is a sequence or an optional.
func ReadTensor(data []byte, like Info) (*tensor.Tensor, error) {
	kind := map[tensor.DType]onnx.TypeKind{tensor.Sequence: onnx.KindSequence, tensor.Optional: onnx.KindOptional, tensor.Map: onnx.KindMap}[like.DType]
	if kind == onnx.KindNone {
		kind = onnx.KindTensor
	}
	v, err := onnx.ReadValue(data, &onnx.Type{Kind: kind})
	if err != nil {
		return nil, err
	}
	return ir.NewValueOf(v)
}
