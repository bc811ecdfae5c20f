package engine_test

import (
	"context"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/shared"
	"github.com/visionzoo/vision/internal/spent"
)

// FuzzOpen opens and runs mutated models: whatever the bytes, there is a
// result or an error of one clean line.
func FuzzOpen(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x08\x07\x3a\x00"))
	for _, name := range []string{"test_relu", "test_reshape_negative_dim", "test_loop11", "test_if", "test_slice"} {
		data, err := os.ReadFile(filepath.Join(shared.Path(f, "onnx-suite", "node"), name, "model.onnx"))
		if err == nil {
			f.Add(data)
		}
	}
	f.Fuzz(survive)
}

// survive opens a model and runs it on inputs of ones, as far as its inputs
// are known.
func survive(t *testing.T, data []byte) { meetMutated(t, data) }

func meetMutated(t *testing.T, data []byte) (opened, ran bool) {
	s, err := engine.OpenBytes(data, engine.MemoryLimit(64<<20), engine.LoopBudget(1000))
	if err != nil {
		checkMessage(t, err.Error())
		return false, false
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	in := engine.Values{}
	for _, info := range s.Inputs() {
		shape, ok := info.Shape.Ints()
		if n, err := tensor.Count(shape); !ok || err != nil || n > 1<<16 || !info.DType.IsElement() {
			continue
		}
		in[info.Name] = tensor.New(info.DType, shape...)
		for i := range in[info.Name].Bytes() {
			in[info.Name].Bytes()[i] = byte(i % 2) // small numbers of every type
		}
	}
	if _, err = s.Run(ctx, in); err != nil {
		checkMessage(t, err.Error())
	}
	return true, err == nil
}

var mutations = flag.Int("mutations", 1500, "how many mutated models TestMutations meets; 100000 takes minutes")

// TestMutations opens and runs sound models of the standard's suite with bytes
// changed, doubled or taken out, or with other attributes, shapes and operands. The
// same number gives the same model.
func TestMutations(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(shared.Path(t, "onnx-suite", "node"), "*", "model.onnx"))
	if err != nil || len(paths) == 0 {
		t.Fatal(err, "no models")
	}
	slices.Sort(paths)
	opened, ran := 0, 0
	for i := range *mutations {
		r := rand.New(rand.NewPCG(20, uint64(i)))
		path := paths[r.IntN(len(paths))]
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(data) == 0 || len(data) > 16<<10 {
			continue
		}
		mutated := data
		if i%2 == 0 {
			mutated = mutate(r, data)
		} else {
			mutated = rewrite(t, r, data)
		}
		before := spent.Time()
		o, ok := meetMutated(t, mutated)
		if took := spent.Time() - before; took > hostileTime {
			t.Errorf("took %v", took)
		}
		if o {
			opened++
		}
		if ok {
			ran++
		}
		if t.Failed() {
			file := filepath.Join(os.TempDir(), "mutated.onnx")
			t.Fatalf("mutation %d, of %s: kept as %s (%v)", i, filepath.Base(filepath.Dir(path)), file, os.WriteFile(file, mutated, 0o600))
		}
	}
	t.Logf("of %d mutated models %d opened and %d ran", *mutations, opened, ran)
	if opened == 0 || ran == opened {
		t.Error("mutations are too harsh or too mild to find anything")
	}
}
