package main

import (
	"fmt"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/tensor"
)

type ortRunner struct {
	session *ort.DynamicAdvancedSession
	in, out []ort.Value
}

// openORT opens a model in ONNX Runtime with its defaults: every optimisation,
// one node after the other, as many threads inside a node as asked for.
func openORT(library, model string, threads, batch int) (runner, error) {
	ort.SetSharedLibraryPath(library)
	if err := ort.InitializeEnvironment(); err != nil {
		return nil, err
	}
	o, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	defer o.Destroy()
	if err := o.SetIntraOpNumThreads(threads); err != nil {
		return nil, err
	}
	if err := o.SetInterOpNumThreads(1); err != nil {
		return nil, err
	}
	ins, outs, err := ort.GetInputOutputInfo(model)
	if err != nil {
		return nil, err
	}
	r := &ortRunner{}
	if r.session, err = ort.NewDynamicAdvancedSession(model, names(ins), names(outs), o); err != nil {
		return nil, err
	}
	values, err := describedInputs(model, batch)
	if err != nil {
		return nil, err
	}
	for _, i := range ins {
		v, err := ortValue(values[i.Name])
		if err != nil {
			return nil, fmt.Errorf("input %s: %w", i.Name, err)
		}
		r.in = append(r.in, v)
	}
	r.out = make([]ort.Value, len(outs))
	return r, nil
}

// describedInputs makes the inputs as this engine describes them, so that both
// get the same numbers.
func describedInputs(model string, batch int) (engine.Values, error) {
	s, err := describe(model)
	if err != nil {
		return nil, err
	}
	return inputs(model, s, batch)
}

func names(infos []ort.InputOutputInfo) []string {
	out := make([]string, len(infos))
	for i, info := range infos {
		out[i] = info.Name
	}
	return out
}

// ortTypes are the element types that inputs may have.
var ortTypes = map[tensor.DType]ort.TensorElementDataType{
	tensor.Float32: ort.TensorElementDataTypeFloat,
	tensor.Float16: ort.TensorElementDataTypeFloat16,
	tensor.Float64: ort.TensorElementDataTypeDouble,
	tensor.Uint8:   ort.TensorElementDataTypeUint8,
	tensor.Int8:    ort.TensorElementDataTypeInt8,
	tensor.Int32:   ort.TensorElementDataTypeInt32,
	tensor.Int64:   ort.TensorElementDataTypeInt64,
	tensor.Bool:    ort.TensorElementDataTypeBool,
}

func ortValue(t *tensor.Tensor) (ort.Value, error) {
	if t == nil {
		return nil, fmt.Errorf("no value of this name")
	}
	kind, ok := ortTypes[t.DType()]
	if !ok {
		return nil, fmt.Errorf("%s cannot be passed on", t.DType())
	}
	shape := make(ort.Shape, t.Rank())
	for i, n := range t.Shape() {
		shape[i] = int64(n)
	}
	return ort.NewCustomDataTensor(shape, t.Bytes(), kind)
}

func (r *ortRunner) run() error {
	for i, v := range r.out {
		if v != nil {
			v.Destroy()
			r.out[i] = nil
		}
	}
	return r.session.Run(r.in, r.out)
}

func (r *ortRunner) output() ([]float32, error) {
	t, ok := r.out[0].(*ort.Tensor[float32])
	if !ok {
		return nil, nil
	}
	d := t.GetData()
	return append([]float32(nil), d[:min(len(d), 2000)]...), nil
}
