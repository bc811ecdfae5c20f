package onnx_test

import (
	"bytes"
	"io/fs"
	"math/rand"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/internal/shared"
)

// TestWriteSuite: every model of the conformance suite comes back as it was.
func TestWriteSuite(t *testing.T) {
	count := 0
	err := filepath.WalkDir(shared.Path(t, "onnx-suite"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "model.onnx" {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		m, err := onnx.Read(data)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return nil
		}
		count++
		again(t, path, m)
		return nil
	})
	if err != nil || count < 1000 {
		t.Fatalf("%d models: %v", count, err)
	}
}

// again writes, reads and compares.
func again(t *testing.T, name string, m *onnx.Model) {
	t.Helper()
	var b bytes.Buffer
	if err := onnx.Write(&b, m); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	back, err := onnx.Read(b.Bytes())
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var twice bytes.Buffer
	if err := onnx.Write(&twice, back); err != nil || !bytes.Equal(twice.Bytes(), b.Bytes()) {
		t.Errorf("%s: written twice, it differs: %v", name, err)
	}
	holdsNaN := strings.Contains(name, "tree_ensemble_set_membership") // equal to nothing
	if !holdsNaN && !reflect.DeepEqual(m, back) {
		t.Errorf("%s: came back otherwise\n%+v\n%+v", name, m, back)
	}
}

// random makes random messages: what the reader keeps, of every kind.
type random struct{ *rand.Rand }

func (r random) name() string { return strings.Repeat(string(rune('a'+r.Intn(26))), r.Intn(9)) }

func (r random) names() []string {
	var out []string
	for range r.Intn(4) {
		out = append(out, r.name())
	}
	return out
}

func (r random) int() int64 { return int64(r.Uint64()) >> r.Intn(64) }

func many[T any](r random, depth int, one func(depth int) T) []T {
	var out []T
	if depth > 0 {
		for range r.Intn(4) {
			out = append(out, one(depth-1))
		}
	}
	return out
}

func (r random) model() *onnx.Model {
	return &onnx.Model{IRVersion: r.int(), ProducerName: r.name(), ProducerVersion: r.name(), Domain: r.name(), ModelVersion: r.int(), Doc: r.name(),
		Graph: r.graph(3), Opsets: many(r, 1, func(int) onnx.Opset { return onnx.Opset{Domain: r.name(), Version: r.int()} }),
		Metadata: r.entries(), Functions: many(r, 1, r.function)}
}

func (r random) entries() []onnx.Entry {
	return many(r, 1, func(int) onnx.Entry { return onnx.Entry{Key: r.name(), Value: r.name()} })
}

func (r random) graph(depth int) *onnx.Graph {
	return &onnx.Graph{Name: r.name(), Doc: r.name(), Nodes: many(r, depth, r.node), Inputs: many(r, depth, r.value), Outputs: many(r, depth, r.value),
		ValueInfo: many(r, depth, r.value), Initializers: many(r, depth, r.tensor), SparseInitializers: many(r, depth, r.sparse)}
}

func (r random) node(depth int) *onnx.Node {
	return &onnx.Node{Name: r.name(), OpType: r.name(), Domain: r.name(), Overload: r.name(), Inputs: r.names(), Outputs: r.names(), Attributes: many(r, depth, r.attribute)}
}

func (r random) function(depth int) *onnx.Function {
	return &onnx.Function{Name: r.name(), Domain: r.name(), Overload: r.name(), Inputs: r.names(), Outputs: r.names(), AttributeNames: r.names(),
		Attributes: many(r, 1, r.attribute), Nodes: many(r, 1, r.node)}
}

func (r random) value(depth int) *onnx.ValueInfo {
	return &onnx.ValueInfo{Name: r.name(), Type: r.typ(2)}
}

func (r random) typ(depth int) *onnx.Type {
	kinds := []onnx.TypeKind{onnx.KindTensor, onnx.KindSparse, onnx.KindSequence, onnx.KindMap, onnx.KindOptional}
	t := &onnx.Type{Kind: kinds[r.Intn(len(kinds))]}
	switch t.Kind {
	case onnx.KindTensor, onnx.KindSparse:
		t.ElemType, t.HasShape = int32(1+r.Intn(16)), r.Intn(2) == 0
		if t.HasShape {
			t.Dims = many(r, 1, func(int) onnx.Dim {
				if r.Intn(2) == 0 {
					return onnx.Dim{HasValue: true, Value: r.int()}
				}
				return onnx.Dim{Param: r.name()}
			})
		}
		return t
	case onnx.KindMap:
		t.ElemType = 8
	}
	if depth == 0 {
		return &onnx.Type{Kind: onnx.KindTensor, ElemType: 1}
	}
	t.Elem = r.typ(depth - 1)
	return t
}

func (r random) tensor(int) *onnx.Tensor {
	t := &onnx.Tensor{Name: r.name(), Dims: many(r, 1, func(int) int64 { return r.int() }), DataType: int32(r.Intn(30))}
	switch r.Intn(7) {
	case 0:
		t.HasRaw, t.Raw = true, make([]byte, r.Intn(10000))
		r.Read(t.Raw)
	case 1:
		t.Floats = many(r, 1, func(int) float32 { return r.Float32() })
	case 2:
		t.Int32s = many(r, 1, func(int) int32 { return int32(r.int()) })
	case 3:
		t.Int64s = many(r, 1, func(int) int64 { return r.int() })
	case 4:
		t.Doubles = many(r, 1, func(int) float64 { return r.Float64() })
	case 5:
		t.Uint64s = many(r, 1, func(int) uint64 { return r.Uint64() })
	case 6:
		t.Location, t.External = 1, r.entries()
	}
	return t
}

func (r random) sparse(depth int) *onnx.SparseTensor {
	return &onnx.SparseTensor{Values: r.tensor(0), Indices: r.tensor(0), Dims: many(r, 1, func(int) int64 { return r.int() })}
}

func (r random) attribute(depth int) *onnx.Attribute {
	a := &onnx.Attribute{Name: r.name(), Type: onnx.AttributeType(1 + r.Intn(13))}
	if r.Intn(8) == 0 {
		a.Ref = "x" + r.name()
		return a
	}
	switch a.Type {
	case onnx.AttrFloat:
		a.Float = r.Float32()
	case onnx.AttrInt:
		a.Int = r.int()
	case onnx.AttrString:
		a.String = r.name()
	case onnx.AttrTensor:
		a.Tensor = r.tensor(0)
	case onnx.AttrGraph:
		a.Graph = r.graph(depth)
	case onnx.AttrFloats:
		a.Floats = many(r, 1, func(int) float32 { return r.Float32() })
	case onnx.AttrInts:
		a.Ints = many(r, 1, func(int) int64 { return r.int() })
	case onnx.AttrStrings:
		a.Strings = r.names()
	case onnx.AttrTensors:
		a.Tensors = many(r, 1, r.tensor)
	case onnx.AttrGraphs:
		a.Graphs = many(r, depth, r.graph)
	case onnx.AttrSparseTensor:
		a.Sparse = r.sparse(0)
	case onnx.AttrType:
		a.TypeOf = r.typ(1)
	}
	return a
}

func TestWriteRandom(t *testing.T) {
	for seed := range int64(300) {
		again(t, "random", random{rand.New(rand.NewSource(seed))}.model())
	}
}

// TestWriteFile: the file is there whole, or what was there before stays.
func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	m := random{rand.New(rand.NewSource(7))}.model()
	if err := onnx.WriteFile(path, m); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := onnx.Write(&want, m); err != nil || !bytes.Equal(data, want.Bytes()) {
		t.Fatalf("%d bytes, want %d: %v", len(data), want.Len(), err)
	}
	if err := onnx.WriteFile(filepath.Join(dir, "missing", "m.onnx"), m); err == nil {
		t.Error("no error for a folder that is not there")
	}
	folder := filepath.Join(dir, "folder")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := onnx.WriteFile(folder, m); err == nil || !strings.HasPrefix(err.Error(), "replace "+folder+": ") {
		t.Errorf("the error names another file: %v", err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 2 {
		t.Errorf("left behind: %v", files)
	}
}
