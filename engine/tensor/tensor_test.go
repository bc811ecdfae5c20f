package tensor

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// TestNpyHeaderOfAnySize gives a length that is negative where int has 32 bits.
func TestNpyHeaderOfAnySize(t *testing.T) {
	if _, err := ReadNpy(strings.NewReader("\x93NUMPY\x02\x00\x00\x00\x00\x80")); err == nil {
		t.Error("a header of 2 GiB is read")
	}
}

// TestNpyOrders: arrays of either order of bytes, as NumPy 2 writes them, are the same, and
// what is written names its order.
func TestNpyOrders(t *testing.T) {
	for _, c := range []struct {
		descr, data string
		want        *Tensor
	}{
		{">f4", "\x3f\x80\x00\x00\xc0\x20\x00\x00", Of([]float32{1, -2.5}, 2)},
		{"<f4", "\x00\x00\x80\x3f\x00\x00\x20\xc0", Of([]float32{1, -2.5}, 2)},
		{">i2", "\x01\x02\xff\xfe", Of([]int16{258, -2}, 2)},
		{"<i2", "\x02\x01\xfe\xff", Of([]int16{258, -2}, 2)},
		{">c8", "\x3f\x80\x00\x00\x40\x00\x00\x00", Of([]complex64{1 + 2i}, 1)},
		{"<c8", "\x00\x00\x80\x3f\x00\x00\x00\x40", Of([]complex64{1 + 2i}, 1)},
		{"|i1", "\x01\xfe", Of([]int8{1, -2}, 2)},
	} {
		head := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%d,), }\n", c.descr, c.want.Len())
		x, err := ReadNpy(strings.NewReader("\x93NUMPY\x01\x00" + string([]byte{byte(len(head)), 0}) + head + c.data))
		if err != nil || !bytes.Equal(x.Bytes(), c.want.Bytes()) || x.DType() != c.want.DType() {
			t.Errorf("%s: %v, %v", c.descr, x, err)
		}
		var file bytes.Buffer
		if err := WriteNpy(&file, c.want); err != nil {
			t.Fatal(err)
		}
		if named := strings.Contains(file.String(), c.descr); named != strings.HasSuffix(file.String(), c.data) {
			t.Errorf("%s: a file with the other order has this name: %q", c.descr, file.String())
		}
	}
	for _, descr := range []string{"|f4", "f4"} {
		head := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (0,), }\n", descr)
		if _, err := ReadNpy(strings.NewReader("\x93NUMPY\x01\x00" + string([]byte{byte(len(head)), 0}) + head)); err == nil {
			t.Errorf("%s was read", descr)
		}
	}
}

// TestNpyBools: true is 1 in memory, whatever a file has.
func TestNpyBools(t *testing.T) {
	var file bytes.Buffer
	if err := WriteNpy(&file, Of([]uint8{0, 1, 2, 255}, 4)); err != nil {
		t.Fatal(err)
	}
	x, err := ReadNpy(strings.NewReader(strings.Replace(file.String(), "|u1", "|b1", 1)))
	if err != nil || x.DType() != Bool || !slices.Equal(x.Bytes(), []byte{0, 1, 1, 1}) {
		t.Errorf("%v: %v", x.Bytes(), err)
	}
}

// TestFloat16 walks every binary16: widening is exact, so narrowing the result
// gives the same bits back, and a value halfway to the next rounds to even.
func TestFloat16(t *testing.T) {
	for i := range 1 << 16 {
		h := Float16Bits(i)
		f := h.Float32()
		if f != f {
			if g := ToFloat16(f).Float32(); g == g {
				t.Fatalf("%#04x: NaN became %v", i, g)
			}
			continue
		}
		if back := ToFloat16(f); back != h {
			t.Fatalf("%#04x → %v → %#04x", i, f, back)
		}
		if i&0x7fff >= 0x7bff {
			continue
		}
		next := (h + 1).Float32()
		even := h + h&1
		if got := ToFloat16(f + (next-f)/2); got != even {
			t.Fatalf("halfway above %#04x gave %#04x, want %#04x", i, got, even)
		}
	}
	if got := ToFloat16(65520); got != 0x7c00 {
		t.Errorf("65520 gave %#04x, want infinity", got)
	}
	if got := ToFloat16(65519); got != 0x7bff {
		t.Errorf("65519 gave %#04x, want 65504", got)
	}
}

func TestBFloat16(t *testing.T) {
	for _, c := range []struct {
		in   float32
		want BFloat16Bits
	}{
		{1, 0x3f80}, {-2, 0xc000}, {0, 0},
		{math.Float32frombits(0x3f808000), 0x3f80}, // half, to even
		{math.Float32frombits(0x3f818000), 0x3f82},
		{float32(math.Inf(1)), 0x7f80}, {math.MaxFloat32, 0x7f80},
	} {
		if got := ToBFloat16(c.in); got != c.want {
			t.Errorf("%v gave %#04x, want %#04x", c.in, got, c.want)
		}
	}
}

func TestCount(t *testing.T) {
	for _, c := range []struct {
		shape []int
		want  int
		fails bool
	}{
		{nil, 1, false}, {[]int{2, 3}, 6, false}, {[]int{0, 1 << 20}, 0, false},
		{[]int{-1}, 0, true}, {[]int{math.MaxInt, 2}, 0, true}, {[]int{math.MaxInt/2 + 1, math.MaxInt/2 + 1}, 0, true},
	} {
		got, err := Count(c.shape)
		if (err != nil) != c.fails || got != c.want {
			t.Errorf("Count(%v) = %d, %v", c.shape, got, err)
		}
	}
}

func TestBroadcast(t *testing.T) {
	for _, c := range []struct{ a, b, want []int }{
		{[]int{2, 3}, []int{3}, []int{2, 3}},
		{[]int{2, 1}, []int{1, 4}, []int{2, 4}},
		{nil, []int{5}, []int{5}},
		{[]int{0}, []int{1}, []int{0}},
		{[]int{2}, []int{3}, nil},
	} {
		got, err := Broadcast(c.a, c.b)
		if (err != nil) != (c.want == nil) || !slices.Equal(got, c.want) {
			t.Errorf("Broadcast(%v, %v) = %v, %v", c.a, c.b, got, err)
		}
	}
}

func TestViews(t *testing.T) {
	x := Of([]float32{1, 2, 3, 4}, 2, 2)
	y, err := x.Reshape(4)
	if err != nil {
		t.Fatal(err)
	}
	Data[float32](y)[3] = 9
	if Data[float32](x)[3] != 9 {
		t.Error("Reshape copied")
	}
	if _, err := x.Reshape(3); err == nil {
		t.Error("Reshape to 3 elements of 4 succeeded")
	}
	if n := new(Tensor).Len(); n != 0 {
		t.Errorf("an empty tensor has %d elements", n)
	}
	if s := Scalar(int64(7)); s.Rank() != 0 || s.Len() != 1 {
		t.Errorf("Scalar: %v", s)
	}
}

// Widened numbers take no memory until they are asked for, and views share them.
func TestWidened(t *testing.T) {
	for _, narrow := range []*Tensor{Of([]Float16Bits{0x3c00, 0xc000, 0, 0x7c00}, 2, 2), Of([]BFloat16Bits{0x3f80, 0xc000, 0, 0x7f80}, 2, 2)} {
		w := Widened(narrow)
		view, err := w.Reshape(4)
		if err != nil {
			t.Fatal(err)
		}
		if w.Len() != 4 || w.Size() != 16 || w.DType() != Float32 || view.Narrow() != narrow || narrow.Narrow() != nil {
			t.Errorf("%v: %d numbers, %d bytes, view of %v", w, w.Len(), w.Size(), view.Narrow())
		}
		if w.wide.data != nil {
			t.Error("its bytes are there before anybody asked for them")
		}
		want := []float32{1, -2, 0, float32(math.Inf(1))}
		if !slices.Equal(Data[float32](view), want) || !slices.Equal(Data[float32](w.Clone()), want) {
			t.Errorf("%v of %v, want %v", Data[float32](view), narrow.DType(), want)
		}
		if &w.Bytes()[0] != &view.Bytes()[0] || w.Clone().Narrow() != nil || w.As(Int32).Narrow() != nil {
			t.Error("a view has bytes of its own, or a clone none")
		}
	}
}

// TestSmallFloats: numbers of OCP's 8-bit Floating Point Specification 1.0 and
// Microscaling Formats 1.0, for FNUZ of ONNX's note "Float stored in 8 bits": the
// smallest, the smallest normal and the largest one. Every code comes back from the
// number that it stands for.
func TestSmallFloats(t *testing.T) {
	for d, numbers := range map[DType]map[byte]float64{
		Float8E4M3FN:   {0x01: 0x1p-9, 0x08: 0x1p-6, 0x7e: 448, 0xfe: -448},
		Float8E4M3FNUZ: {0x01: 0x1p-10, 0x08: 0x1p-7, 0x7f: 240, 0xff: -240},
		Float8E5M2:     {0x01: 0x1p-16, 0x04: 0x1p-14, 0x7b: 57344, 0x7c: math.Inf(1), 0xfc: math.Inf(-1)},
		Float8E5M2FNUZ: {0x01: 0x1p-17, 0x04: 0x1p-15, 0x7f: 57344, 0xff: -57344},
		Float4E2M1:     {0x1: 0.5, 0x2: 1, 0x7: 6, 0xf: -6},
		Float8E8M0:     {0x00: 0x1p-127, 0x7f: 1, 0xfe: 0x1p127},
	} {
		for code, want := range numbers {
			if got := SmallFloat(d, code); float64(got) != want {
				t.Errorf("%s: code %#x is %g, want %g", d, code, got, want)
			}
		}
		codes, lost := 256, 0
		if d == Float4E2M1 {
			codes = 16
		}
		for code := range codes {
			f := SmallFloat(d, byte(code))
			if f != f {
				lost++
			} else if got := ToSmallFloat(d, f, Rounding{}); int(got) != code {
				t.Errorf("%s: code %#x is %g, which becomes %#x", d, code, f, got)
			}
		}
		if want := map[DType]int{Float8E4M3FN: 2, Float8E4M3FNUZ: 1, Float8E5M2: 6, Float8E5M2FNUZ: 1, Float8E8M0: 1}[d]; lost != want {
			t.Errorf("%s: %d codes are NaN, want %d", d, lost, want)
		}
	}
}

// TestTruncate has what ONNX Runtime 1.30 gives on x86-64.
func TestTruncate(t *testing.T) {
	for _, r := range []struct {
		v   float64
		i8  int8
		u16 uint16
		i32 int32
		i64 int64
	}{
		{-2.5, -2, 65534, -2, -2},
		{300, 44, 300, 300, 300},
		{3e9, 0, 0, math.MinInt32, 3e9},
		{-1e10, 0, 0, math.MinInt32, -1e10},
		{1e20, 0, 0, math.MinInt32, math.MinInt64},
		{math.NaN(), 0, 0, math.MinInt32, math.MinInt64},
		{math.Inf(1), 0, 0, math.MinInt32, math.MinInt64},
	} {
		i8, u16, i32, i64 := Truncate[int8](r.v), Truncate[uint16](r.v), Truncate[int32](r.v), Truncate[int64](r.v)
		if i8 != r.i8 || u16 != r.u16 || i32 != r.i32 || i64 != r.i64 {
			t.Errorf("%g is %d %d %d %d, want %v", r.v, i8, u16, i32, i64, r)
		}
	}
}
