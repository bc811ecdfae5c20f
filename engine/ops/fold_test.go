package ops

import (
	"math/bits"
	"testing"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// Integers that inference knows from shapes are not known any more once they are
// converted to a type that computes differently.
func TestShapesAsOtherNumbers(t *testing.T) {
	const (
		toUint8 = int(tensor.Uint8)
		toInt32 = int(tensor.Int32)
		toInt64 = int(tensor.Int64)
		toFloat = int(tensor.Float32)
		toBool  = int(tensor.Bool)
	)
	type step struct {
		op   string
		to   int   // of Cast
		from []int // earlier values: 0, x [batch 7]; 1, y [many 2]; 2, the number 1; 3, z [batch 300]; 4, w [batch far]; then the steps
	}
	beyond := -1
	if bits.UintSize == 32 {
		beyond = far // is not beyond int32
	}
	for _, c := range []struct {
		name  string
		steps []step
		want  int // the element that is known, -1: none
	}{
		{"as they are", []step{{"Shape", 0, []int{0}}, {"Cast", toInt32, []int{5}}, {"Cast", toInt64, []int{6}}, {"Gather", 0, []int{7, 2}}}, 7},
		{"beyond int32", []step{{"Shape", 0, []int{4}}, {"Cast", toInt32, []int{5}}, {"Cast", toInt64, []int{6}}, {"Gather", 0, []int{7, 2}}}, beyond},
		{"divided as floats", []step{{"Shape", 0, []int{0}}, {"Cast", toFloat, []int{5}}, {"Shape", 0, []int{1}}, {"Cast", toFloat, []int{7}}, {"Div", 0, []int{6, 8}},
			{"Mul", 0, []int{9, 8}}, {"Cast", toInt64, []int{10}}, {"Gather", 0, []int{11, 2}}}, -1},
		{"as bools", []step{{"Shape", 0, []int{0}}, {"Cast", toBool, []int{5}}, {"Cast", toInt64, []int{6}}, {"Gather", 0, []int{7, 2}}}, -1},
		{"as bytes", []step{{"Shape", 0, []int{3}}, {"Cast", toUint8, []int{5}}, {"Cast", toInt64, []int{6}}, {"Gather", 0, []int{7, 2}}}, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			batch, many := ir.Dim{N: -1, Symbol: "batch"}, ir.Dim{N: -1, Symbol: "many"}
			facts := []ir.Fact{ir.Tensor(tensor.Float32, ir.ShapeOf(batch, ir.Dim{N: 7})), ir.Tensor(tensor.Float32, ir.ShapeOf(many, ir.Dim{N: 2})),
				ir.FactOf(tensor.Scalar(int64(1))), ir.Tensor(tensor.Float32, ir.ShapeOf(batch, ir.Dim{N: 300})), ir.Tensor(tensor.Float32, ir.ShapeOf(batch, ir.Dim{N: far}))}
			for _, s := range c.steps {
				a := attrs{}
				if s.op == "Cast" {
					a["to"] = s.to
				}
				n := testNode(s.op, 13, len(s.from), 1, a)
				if err := BindNode(n, Find("", s.op, 13)); err != nil {
					t.Fatal(err)
				}
				var in []ir.Fact
				for _, i := range s.from {
					in = append(in, facts[i])
				}
				out, err := InferNode(n, in)
				if err != nil {
					t.Fatal(err)
				}
				facts = append(facts, out[0])
			}
			got := -1
			if f := facts[len(facts)-1]; f.Const != nil {
				got = int(tensor.Data[int64](f.Const)[0])
			} else if f.Ints != nil {
				t.Errorf("the elements are %v", f.Ints)
			}
			if got != c.want {
				t.Errorf("%d is known, want %d", got, c.want)
			}
		})
	}
}
