// Package quantize converts float32 networks to networks of 8-bit integers: standard
// ONNX files with QuantizeLinear and DequantizeLinear around every layer (QDQ),
// which this engine and ONNX Runtime compute in integers.
//
//	m, err := zoo.Load("resnet50", zoo.WithEngine(quantize.Prepare()))
//	samples := quantize.Samples{Count: 100, Load: load} // load(i) returns input i
//	r, err := quantize.Session(ctx, m.Session(), samples, quantize.Options{})
//	err = r.WriteFile("resnet50-int8.onnx")
//
// Weights become int8, symmetric, with one scale per output channel (Krishnamoorthi
// 2018, "Quantizing deep convolutional networks for efficient inference", §3.1). They are
// rounded so that their errors make up for each other (Frantar et al. 2022, "GPTQ:
// Accurate Post-Training Quantization for Generative Pre-trained Transformers"), and what
// rounding still adds to a layer's mean outputs is subtracted from its bias (Nagel et al.
// 2019, "Data-Free Quantization through Weight Equalization and Bias Correction", §4.2).
// Activations become uint8, with ranges found on sample inputs. A few layers stay in
// float32 where that makes the result measurably better.
package quantize

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/internal/await"
	"github.com/visionzoo/vision/internal/nearest"
)

// Method is a way to find the range of an activation.
type Method string

// The methods.
const (
	MSE        Method = "mse"        // the range with the least squared error
	Percentile Method = "percentile" // all but the outermost Options.Beyond
	MinMax     Method = "minmax"     // everything seen
)

// Options change how a network is quantised. The zero value is the default.
type Options struct {
	Method  Method                              // default MSE or Percentile, by what they make of the outputs
	Beyond  float64                             // for Percentile: the share of values outside the range; default 0.0001
	Float   []string                            // names of nodes to keep in float32
	Exact   bool                                // quantise all layers, without trying whether some are better in float32
	Engine  []engine.Option                     // for the sessions that run the samples, such as engine.Threads
	Observe func(stage string, done, total int) // receives the progress; nil for none
}

// Samples are inputs to calibrate with, 50 to 200 of them, like those that the
// network will see. Load returns number i, from 0 to Count-1; it is called more than
// once for each.
type Samples struct {
	Count int
	Load  func(i int) (engine.Values, error)
}

// Layer is the result for one convolution or matrix product.
type Layer struct {
	Node      string  `json:"node"`
	Op        string  `json:"op"`
	Integer   bool    `json:"integer"`
	Low       float64 `json:"low"` // range of its quantised output, Low to High
	High      float64 `json:"high"`
	Weights   int     `json:"weights"`      // number of weights
	WeightRMS float64 `json:"weight_error"` // rms rounding error of the weights, relative to their rms
}

// Result is a quantised network.
type Result struct {
	Model     *onnx.Model // its tensors may be views of the session's model
	Layers    []Layer
	Method    Method   // by which the ranges were found
	Error     float64  // rms error of the outputs on the compared samples, relative to their rms
	Agreement float64  // share of compared samples with the same largest score; -1 if the outputs are not scores
	Compared  int      // number of samples on which Error and Agreement were measured
	Kept      []string // nodes kept in float32 because that made the result better
	Float     int      // bytes of constants in float32
	Bytes     int      // bytes of constants after quantisation

	session *engine.Session
}

// compared bounds the number of samples on which candidates are measured.
const compared = 48

// Prepare returns the option with which a network must be opened for Session: it
// disables fusions that a standard ONNX file cannot express.
func Prepare() engine.Option {
	return engine.WithoutPass("quant", "dynamic", "shuffle", "silu", "gelu", "layernorm", "conv", "activation", "residual")
}

// Session quantises the network of a session that was opened with Prepare. The session
// is not changed, and must stay open while the result is in use.
func Session(ctx context.Context, s *engine.Session, samples Samples, opt Options) (*Result, error) {
	if err := await.Check(ctx); err != nil {
		return nil, err
	}
	if samples.Count < 1 {
		return nil, fmt.Errorf("calibration needs at least one sample")
	}
	if samples.Load == nil {
		return nil, fmt.Errorf("nothing loads the samples: Samples.Load is nil")
	}
	switch opt.Method {
	case "", MSE, Percentile, MinMax:
	default:
		return nil, fmt.Errorf("method %q is none of mse, percentile, minmax", opt.Method)
	}
	if opt.Beyond == 0 {
		opt.Beyond = 1e-4
	}
	if !(opt.Beyond > 0 && opt.Beyond < 1) {
		return nil, fmt.Errorf("Options.Beyond is %v; it must be a share of the values, above 0 and below 1", opt.Beyond)
	}
	if opt.Observe == nil {
		opt.Observe = func(string, int, int) {}
	}
	var r *Result
	err := s.Guard(func() error {
		q, err := newQuantizer(ctx, s, samples, opt)
		if err == nil {
			r, err = q.run()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	r.session = s
	return r, nil
}

// newQuantizer refuses graphs that cannot be quantised.
func newQuantizer(ctx context.Context, s *engine.Session, samples Samples, opt Options) (q *quantizer, err error) {
	q = &quantizer{ctx: ctx, opt: opt, samples: samples, graph: s.Optimised().Clone(), metadata: s.Metadata()}
	for _, n := range q.graph.Nodes {
		if n.Domain == ops.Internal && n.Op == "Conv" {
			return nil, fmt.Errorf("%v is in a fused form; open the session with the option quantize.Prepare()", n)
		}
		if integer[n.Op] {
			return nil, fmt.Errorf("the network is quantised already: %v; give the float32 network that it was made of", n)
		}
	}
	for _, name := range opt.Float {
		if !slices.ContainsFunc(q.graph.Nodes, func(n *ir.Node) bool { return n.Name == name }) {
			return nil, fmt.Errorf("%w %s to keep in float32%s (vision inspect --layers lists them)", ErrNoNode, onnx.Quote(name), q.near(name))
		}
	}
	q.opsets, err = raise(q.graph, s.Opsets())
	return q, err
}

// ErrNoNode is the error for a name in Options.Float that no node has; what wraps it
// says more.
var ErrNoNode = errors.New("there is no node")

// near suggests nodes whose names are similar.
func (q *quantizer) near(name string) string {
	var known []string
	for _, n := range q.graph.Nodes {
		if layer(n) {
			known = append(known, n.Name)
		}
	}
	return nearest.Hint(name, known)
}

// integer lists operators that only quantised networks have.
var integer = map[string]bool{"QuantizeLinear": true, "DequantizeLinear": true, "DynamicQuantizeLinear": true, "QLinearConv": true, "QLinearMatMul": true,
	"ConvInteger": true, "MatMulInteger": true, "QLinearAdd": true}

// quantizer quantises one network.
type quantizer struct {
	ctx      context.Context
	opt      Options
	samples  Samples
	graph    *ir.Graph
	opsets   map[string]int
	metadata map[string]string
	seen     map[*ir.Value]*histogram
	ranges   map[*ir.Value]span
	means    map[*ir.Value][]float64 // by channel
	want     []engine.Values         // float32 outputs for the compared samples
	pixels   map[*ir.Node]float64    // positions of each layer's outputs
	moments  map[*ir.Node]*moments   // of each layer's inputs
	rounded  map[*ir.Node]coding     // weights rounded by them
	float    int                     // bytes of constants in float32
}

func (q *quantizer) run() (*Result, error) {
	all := q.place(nil)
	if len(all.layers) == 0 {
		return nil, fmt.Errorf("there is no convolution or matrix product with constant float32 weights to quantise")
	}
	if err := q.calibrate(all); err != nil {
		return nil, err
	}
	best, err := q.fit(all)
	if err != nil || q.opt.Exact {
		return best, err
	}
	return q.search(all, best)
}

// fit finds the ranges, by the method asked for or by the one with the least error,
// with all layers in integers.
func (q *quantizer) fit(all *placement) (best *Result, err error) {
	methods := []Method{q.opt.Method}
	if q.opt.Method == "" {
		methods = []Method{MSE, Percentile}
	}
	for _, m := range methods {
		before := q.ranges
		if q.ranges, err = q.spans(m); err != nil {
			return nil, err
		}
		r, err := q.measure(all, len(q.want))
		if err != nil {
			return nil, err
		}
		if best != nil && best.Error <= r.Error {
			q.ranges = before
			continue
		}
		best, r.Method = r, m
	}
	return best, nil
}

// encode returns a model, whose constants have the given size, as the bytes of a
// file.
func (q *quantizer) encode(m *onnx.Model, constants int) ([]byte, error) {
	u := unlessDone{ctx: q.ctx}
	u.data.Grow(constants + 1<<20)
	err := onnx.Write(&u, m)
	return u.data.Bytes(), err
}

// unlessDone takes bytes until a context is done.
type unlessDone struct {
	ctx  context.Context
	data bytes.Buffer
}

func (u *unlessDone) Write(p []byte) (n int, err error) {
	for part := range slices.Chunk(p, 1<<20) {
		if u.ctx.Err() != nil {
			return n, context.Cause(u.ctx)
		}
		u.data.Write(part)
		n += len(part)
	}
	return n, nil
}

// WriteFile writes the network to a file. The file appears under its name only when
// it is complete.
func (r *Result) WriteFile(path string) error {
	if r == nil || r.Model == nil {
		return errors.New("there is no network to write; Session makes one")
	}
	if r.session == nil { // made by the caller
		return onnx.WriteFile(path, r.Model)
	}
	return r.session.Guard(func() error { return onnx.WriteFile(path, r.Model) })
}
