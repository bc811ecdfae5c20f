package main

import (
	"fmt"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/visionzoo/vision/engine/tensor"
)

type ortRunner struct {
	session *ort.DynamicAdvancedSession
	in, out []ort.Value
	halves  []*tensor.Tensor // what outputs of 16 bits are written to, nil for others
}

// openORT opens a model in ONNX Runtime with its defaults: every optimisation,
// one node after the other, as many threads inside a node as asked for.
func openORT(o opening) (runner, error) {
	if o.asAVX2 {
		if err := hideAVX512(); err != nil {
			return nil, err
		}
	}
	ort.SetSharedLibraryPath(o.library)
	if err := ort.InitializeEnvironment(); err != nil {
		return nil, err
	}
	options, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	defer options.Destroy()
	if err := options.SetIntraOpNumThreads(o.threads); err != nil {
		return nil, err
	}
	if err := options.SetInterOpNumThreads(1); err != nil {
		return nil, err
	}
	r := &ortRunner{out: make([]ort.Value, len(o.feed.Outputs)), halves: make([]*tensor.Tensor, len(o.feed.Outputs))}
	var names, outputs []string
	for _, a := range o.feed.Inputs {
		v, err := ortValue(o.values[a.Name])
		if err != nil {
			return nil, fmt.Errorf("input %s: %w", a.Name, err)
		}
		names, r.in = append(names, a.Name), append(r.in, v)
	}
	for i, a := range o.feed.Outputs {
		outputs = append(outputs, a.Name)
		if !a.halves() {
			continue
		}
		r.halves[i] = tensor.New(a.DType, a.Shape...)
		if r.out[i], err = ortValue(r.halves[i]); err != nil {
			return nil, fmt.Errorf("output %s: %w", a.Name, err)
		}
	}
	if r.session, err = ort.NewDynamicAdvancedSession(o.model, names, outputs, options); err != nil {
		return nil, err
	}
	return r, nil
}

// ortTypes are the element types that inputs may have.
var ortTypes = map[tensor.DType]ort.TensorElementDataType{
	tensor.Float32:  ort.TensorElementDataTypeFloat,
	tensor.Float16:  ort.TensorElementDataTypeFloat16,
	tensor.BFloat16: ort.TensorElementDataTypeBFloat16,
	tensor.Float64:  ort.TensorElementDataTypeDouble,
	tensor.Uint8:    ort.TensorElementDataTypeUint8,
	tensor.Int8:     ort.TensorElementDataTypeInt8,
	tensor.Int32:    ort.TensorElementDataTypeInt32,
	tensor.Int64:    ort.TensorElementDataTypeInt64,
	tensor.Bool:     ort.TensorElementDataTypeBool,
}

func ortValue(t *tensor.Tensor) (ort.Value, error) {
	if t == nil {
		return nil, fmt.Errorf("no value of this name")
	}
	kind, ok := ortTypes[t.DType()]
	if !ok {
		return nil, fmt.Errorf("%s cannot be passed on", t.DType())
	}
	if t.Rank() == 0 {
		return ortScalar(t)
	}
	shape := make(ort.Shape, t.Rank())
	for i, n := range t.Shape() {
		shape[i] = int64(n)
	}
	return ort.NewCustomDataTensor(shape, t.Bytes(), kind)
}

// ortScalar is a value without dimensions, which the binding does not make from
// bytes.
func ortScalar(t *tensor.Tensor) (ort.Value, error) {
	switch t.DType() {
	case tensor.Float32:
		return ort.NewScalar(tensor.Data[float32](t)[0])
	case tensor.Float64:
		return ort.NewScalar(tensor.Data[float64](t)[0])
	case tensor.Int32:
		return ort.NewScalar(tensor.Data[int32](t)[0])
	case tensor.Int64:
		return ort.NewScalar(tensor.Data[int64](t)[0])
	case tensor.Uint8:
		return ort.NewScalar(tensor.Data[uint8](t)[0])
	case tensor.Int8:
		return ort.NewScalar(tensor.Data[int8](t)[0])
	}
	return nil, fmt.Errorf("a scalar of %s cannot be passed on", t.DType())
}

func (r *ortRunner) run() error {
	for i, v := range r.out {
		if v != nil && r.halves[i] == nil { // the binding makes the others anew, but copies one byte of each number of 16 bits
			v.Destroy()
			r.out[i] = nil
		}
	}
	return r.session.Run(r.in, r.out)
}

func (r *ortRunner) output() ([]float32, error) {
	if r.halves[0] != nil {
		return floats(r.halves[0]), nil
	}
	t, ok := r.out[0].(*ort.Tensor[float32])
	if !ok {
		return nil, nil
	}
	d := t.GetData()
	return append([]float32(nil), d[:min(len(d), compared)]...), nil
}

func (r *ortRunner) version() string { return "ONNX Runtime " + ort.GetVersion() }
