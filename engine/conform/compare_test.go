package conform

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/built"
)

func TestCompare(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	f := func(v ...float32) *tensor.Tensor { return tensor.Of(v, len(v)) }
	s := func(v ...string) *tensor.Tensor { return tensor.OfStrings(v) }
	list := func(v ...*tensor.Tensor) *tensor.Tensor { return tensor.NewContainer(tensor.Sequence, v...) }
	for _, c := range []struct {
		name      string
		got, want *tensor.Tensor
		tol       Tolerance
		ok        bool
	}{
		{"equal", f(1, inf, nan), f(1, inf, nan), Tolerance{}, true},
		{"within the standard's", f(1000.9, 0.000009), f(1000, 0), Tolerance{}, true},
		{"beyond relative", f(1001.1), f(1000), Tolerance{}, false},
		{"beyond absolute", f(0.00002), f(0), Tolerance{}, false},
		{"infinite for finite", f(inf), f(1), Tolerance{}, false},
		{"finite for infinite", f(1), f(inf), Tolerance{}, false},
		{"the other infinity", f(-inf), f(inf), Tolerance{R: 1, A: 1}, false},
		{"a number for NaN", f(1), f(nan), Tolerance{}, false},
		{"within a share of the spread", f(0.0005, 10, -inf), f(0, 10, -inf), Tolerance{S: 1e-4}, true},
		{"beyond a share of the spread", f(0.002, 10), f(0, 10), Tolerance{S: 1e-4}, false},
		{"integers have no spread", tensor.Of([]int32{0, 100_000}, 2), tensor.Of([]int32{1, 100_000}, 2), Tolerance{S: 1e-4}, false},
		{"another type", f(1), tensor.Of([]float64{1}, 1), Tolerance{}, false},
		{"another shape", f(1, 1), f(1), Tolerance{}, false},
		{"nothing", nil, f(1), Tolerance{}, false},
		{"equal strings", s("a", "b"), s("a", "b"), Tolerance{}, true},
		{"another string", s("a", "c"), s("a", "b"), Tolerance{}, false},
		{"equal sequences", list(f(1), s("a")), list(f(1), s("a")), Tolerance{}, true},
		{"a sequence with another element", list(f(1), f(2)), list(f(1), f(3)), Tolerance{}, false},
		{"a shorter sequence", list(f(1)), list(f(1), f(2)), Tolerance{}, false},
	} {
		worst, err := Compare(c.got, c.want, c.tol)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
		if strings.HasPrefix(c.name, "equal") && worst != 0 {
			t.Errorf("%s: an error of %g", c.name, worst)
		}
	}
}

// TestToleranceOfACase: the caller's numbers come before those of the case's data.json.
func TestToleranceOfACase(t *testing.T) {
	c := Case{Dir: t.TempDir()}
	for _, r := range []struct {
		file string
		opt  Options
		want Tolerance
	}{
		{"", Options{RTol: 1}, Tolerance{R: 1}},
		{`{"rtol": 0.1, "atol": 0.2}`, Options{}, Tolerance{R: 0.1, A: 0.2}},
		{`{"rtol": 0.1, "atol": 0.2}`, Options{RTol: 1}, Tolerance{R: 1, A: 0.2}},
		{`{"rtol": 0.1, "atol": 0.2}`, Options{ATol: 1}, Tolerance{R: 0.1, A: 1}},
		{`no JSON`, Options{ATol: 1}, Tolerance{A: 1}},
	} {
		if r.file != "" {
			if err := os.WriteFile(filepath.Join(c.Dir, "data.json"), []byte(r.file), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := c.tolerance(r.opt); got != r.want {
			t.Errorf("%q and %+v give %+v, want %+v", r.file, r.opt, got, r.want)
		}
	}
}

// TestDeep: only networks of ten products or more may be off by a share of the spread,
// and only if no atol is given.
func TestDeep(t *testing.T) {
	for n, want := range map[int]float64{deep - 1: 0, deep: deepSpread} {
		b := ir.NewBuilder(21)
		x := b.Input("x", tensor.Float32, ir.Dims(2, 2))
		for range n {
			x = b.Node("MatMul", []*ir.Value{x, x})
		}
		b.Output("y", x)
		s := built.Session(t, b)
		if got := (Tolerance{R: 1}).deepen(s); got != (Tolerance{R: 1, S: want}) {
			t.Errorf("%d products: %+v", n, got)
		}
		if got := (Tolerance{A: 1}).deepen(s); got != (Tolerance{A: 1}) {
			t.Errorf("%d products and an atol: %+v", n, got)
		}
	}
}
