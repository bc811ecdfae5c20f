package engine_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/visionzoo/vision/engine/onnx"
)

// mutate changes one to three places, most of them without a change of length,
// after which nothing else of the file would be understood.
func mutate(r *rand.Rand, data []byte) []byte {
	data = slices.Clone(data)
	for range 1 + r.IntN(3) {
		if len(data) == 0 {
			return data
		}
		at := r.IntN(len(data))
		switch n := min(1+r.IntN(8), len(data)-at); r.IntN(12) {
		case 0, 1, 2, 3:
			data[at] ^= 1 << r.IntN(8)
		case 4, 5:
			data[at] = byte(r.Uint32())
		case 6, 7, 8: // edges of numbers
			data[at] = []byte{0, 1, 0x7f, 0x80, 0xff}[r.IntN(5)]
		case 9:
			data = slices.Delete(data, at, at+n)
		case 10:
			data = slices.Insert(data, at, data[at:at+n]...)
		default: // a piece of another place
			from := r.IntN(len(data) - n + 1)
			copy(data[at:at+n], data[from:from+n])
		}
	}
	return data
}

// edgeNumbers stand for shapes, axes, pads and the like.
var edgeNumbers = []int64{0, 1, -1, 2, 3, -2, 5, 7, 16, 33, 64, 255, 1 << 15, 1 << 20, math.MaxInt32, 1 << 31, 1 << 40, math.MinInt32, math.MaxInt64, math.MinInt64}

// rewrite makes one to three changes to what a model says, so that the file stays
// well formed: other attributes, shapes, types, operands and operator sets.
func rewrite(t *testing.T, r *rand.Rand, data []byte) []byte {
	m, err := onnx.Read(slices.Clone(data))
	if err != nil || m.Graph == nil || len(m.Graph.Nodes) == 0 {
		return data
	}
	for range 1 + r.IntN(3) {
		rewriteOnce(r, m)
	}
	var out bytes.Buffer
	if err := onnx.Write(&out, m); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func rewriteOnce(r *rand.Rand, m *onnx.Model) {
	g := m.Graph
	n := pick(r, g.Nodes)
	switch r.IntN(9) {
	case 0, 1:
		if len(n.Attributes) > 0 {
			rewriteAttribute(r, pick(r, n.Attributes))
		}
	case 2:
		if len(n.Attributes) > 0 {
			at := r.IntN(len(n.Attributes))
			n.Attributes = slices.Delete(n.Attributes, at, at+1)
		}
	case 3:
		if len(g.Inputs) > 0 {
			if in := pick(r, g.Inputs).Type; in != nil && len(in.Dims) > 0 {
				in.Dims[r.IntN(len(in.Dims))] = onnx.Dim{Value: pick(r, edgeNumbers), HasValue: true}
			}
		}
	case 4:
		if len(g.Inputs) > 0 {
			if in := pick(r, g.Inputs).Type; in != nil {
				in.ElemType = int32(1 + r.IntN(23))
			}
		}
	case 5:
		if len(g.Initializers) > 0 {
			if c := pick(r, g.Initializers); len(c.Dims) > 0 {
				c.Dims[r.IntN(len(c.Dims))] = pick(r, edgeNumbers)
			}
		}
	case 6:
		if len(g.Initializers) > 0 {
			for raw := pick(r, g.Initializers).Raw; len(raw) > 0 && r.IntN(4) > 0; {
				raw[r.IntN(len(raw))] = pick(r, []byte{0, 1, 127, 128, 255})
			}
		}
	case 7:
		if len(n.Inputs) > 0 {
			names := []string{""}
			for _, other := range g.Nodes {
				names = append(append(names, other.Inputs...), other.Outputs...)
			}
			n.Inputs[r.IntN(len(n.Inputs))] = pick(r, names)
		}
	case 8:
		if len(m.Opsets) > 0 {
			m.Opsets[0].Version = int64(1 + r.IntN(26))
		}
	}
}

func rewriteAttribute(r *rand.Rand, a *onnx.Attribute) {
	switch a.Type {
	case onnx.AttrInt:
		a.Int = pick(r, edgeNumbers)
	case onnx.AttrFloat:
		a.Float = pick(r, []float32{0, -1, math.MaxFloat32, float32(math.NaN()), float32(math.Inf(1))})
	case onnx.AttrString:
		a.String = pick(r, []string{"", "SAME_UPPER", "VALID", "linear", "reverse", "bidirectional", "reflect", "x"})
	case onnx.AttrInts:
		if len(a.Ints) > 0 {
			a.Ints = slices.Clone(a.Ints)
			a.Ints[r.IntN(len(a.Ints))] = pick(r, edgeNumbers)
		}
	}
}

func pick[T any](r *rand.Rand, all []T) T { return all[r.IntN(len(all))] }
