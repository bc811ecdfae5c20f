package kernel

import (
	"bytes"
	"fmt"
	"math"
	"math/rand"
	"testing"
	"unsafe"
)

// TestByteRows compares the kernels of all rungs with the twins, bit for bit, and checks
// that they write nothing else.
func TestByteRows(t *testing.T) {
	eachRung(t, func(t *testing.T, k *Rung) {
		kernels := map[string][2]func(*byteRow){
			"Add": {k.Bytes.Add, byteAdd}, "Mul": {k.Bytes.Mul, byteMul}, "Quantize": {k.Bytes.Quantize, byteQuantize},
			"Pixels": {k.Bytes.Pixels, bytePixels}, "Widen": {k.Bytes.Widen, byteWiden}, "Max": {k.Bytes.Max, byteMax}, "Sum": {k.Bytes.Sum, byteSum}, "Table": {k.Bytes.Table, byteTable},
			"Columns": {k.Bytes.Columns, byteColumns},
		}
		for name, pair := range kernels {
			for _, n := range []int{1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 64, 65, 127, 200} {
				if name == "Columns" && n < 8 {
					continue
				}
				t.Run(fmt.Sprint(name, n), func(t *testing.T) { testByteRow(t, name, n, pair[0], pair[1]) })
			}
		}
	})
}

func testByteRow(t *testing.T, name string, n int, fast, twin func(*byteRow)) {
	rng := rand.New(rand.NewSource(int64(n)))
	row := byteRow{Count: n, OffA: 128, OffB: int32(rng.Intn(256)), OffOut: 128, RatioA: rng.Float32() + 0.01, RatioB: rng.Float32(),
		Fixed: rng.Float32()*20 - 10, Low: -128, High: 127, Taps: 3, PixelStride: 128}
	offsets := []int{0, 64, 320}
	row.Offsets = &offsets[0]
	a, b := fenced(t, 128*n+512), fenced(t, 64*n)
	rng.Read(a)
	rng.Read(b)
	out := 4 * n
	switch name {
	case "Add", "Mul": // whole pixels of 64
		row.Count, out = 64*n, 64*n
		if n%2 == 0 {
			row.OffA, row.OffB, row.OffOut, row.Low, row.High = 0, 0, 0, float32(n%3), 255
		}
	case "Quantize", "Pixels":
		a = fenced(t, 12*n)
		x := unsafe.Slice((*float32)(unsafe.Pointer(&a[0])), 3*n)
		for i := range x {
			x[i] = float32(rng.NormFloat64() * 60)
		}
		x[0], x[n/2], x[3*n-1] = float32(math.Inf(1)), 0.5*row.RatioA, -1e30
		if n > 64 { // among vectors that go together
			x[1], x[2], x[3], x[n/3] = float32(math.Inf(-1)), float32(math.NaN()), 1e30, -0.5*row.RatioA
		}
		row.Plane = 4 * n
		if name == "Quantize" {
			out = n
		}
	case "Max":
		out = 64 * n
	case "Sum":
		out = 256
	case "Columns":
		row.Taps = n%4 + 1
		row.Plane = n + 3
		out = 16*row.Taps*row.Plane - 3
	}
	if name == "Table" { // whole pixels of 64
		row.Count, out = 64*n, 64*n
		row.Table = new([256]uint8)
		rng.Read(row.Table[:])
		row.Chain = chainOf(row.Table)
	}
	row.A, row.B = unsafe.Pointer(&a[0]), unsafe.Pointer(&b[0])
	got, want := fenced(t, out), fenced(t, out)
	for dst, f := range map[*byte]func(*byteRow){&got[0]: fast, &want[0]: twin} {
		r := row
		r.Dst = unsafe.Pointer(dst)
		f(&r)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("got  %v\nwant %v", got, want)
	}
}

// TestQuantizeBetweenCodes checks quotients that are about halfway between two codes,
// where the last bit decides, and divisors near the ends of float32.
func TestQuantizeBetweenCodes(t *testing.T) {
	eachF32Rung(t, func(t *testing.T, k *Rung) {
		rng := rand.New(rand.NewSource(6))
		x := make([]float32, 4096)
		got, want := make([]byte, len(x)), make([]byte, len(x))
		for i := range 300 {
			scale := rng.Float32() + 0.001
			switch i {
			case 0, 1, 2, 3, 4, 5:
				scale = []float32{1, math.MaxFloat32, math.SmallestNonzeroFloat32, 0x1.fffffep-1, 0x1p-61, 0x1.fffffep-60}[i]
			}
			for j := range x {
				at := math.Float32bits((float32(rng.Intn(260)-2) + 0.5) * scale)
				x[j] = math.Float32frombits(at + uint32(rng.Intn(5)) - 2)
			}
			row := byteRow{A: unsafe.Pointer(&x[0]), Count: len(x), RatioA: scale, Low: -3, High: 252, OffOut: 3}
			for dst, f := range map[*byte]func(*byteRow){&got[0]: k.Bytes.Quantize, &want[0]: byteQuantize} {
				r := row
				r.Dst = unsafe.Pointer(dst)
				f(&r)
			}
			for j := range x {
				if got[j] != want[j] {
					t.Fatalf("%g / %g: %d, want %d", x[j], scale, got[j], want[j])
				}
			}
		}
	})
}

// byteValue returns memory for a layout, with random bytes.
func byteValue(t *testing.T, rng *rand.Rand, l Layout) []byte {
	b := fenced(t, l.Size())
	rng.Read(b)
	return b
}

// TestBytePairSteps checks sums and products against their formula, and the halo.
func TestBytePairSteps(t *testing.T) {
	eachF32Rung(t, func(t *testing.T, k *Rung) {
		rng := rand.New(rand.NewSource(3))
		for _, mul := range []bool{false, true} {
			for _, signed := range []bool{false, true} {
				a, b := NewLayout(U8x64, 2, 70, 5, 9, Halo{1, 1, 1, 1}), NewLayout(U8x64, 2, 70, 5, 9, Halo{})
				out := NewLayout(U8x64, 2, 70, 5, 9, Halo{0, 2, 1, 2})
				p := BytePair{A: a, B: b, Out: out, Mul: mul, Signed: signed, ZeroA: 120, ZeroB: 131, ZeroOut: 140,
					ScaleA: 0.02, ScaleB: 0.03, ScaleOut: 0.025, Low: 3, High: 250}
				p.Out.Fill = 140
				work, err := k.BytePair(p)
				if err != nil {
					t.Fatal(err)
				}
				x, y, z := byteValue(t, rng, a), byteValue(t, rng, b), byteValue(t, rng, out)
				run(t, work, Memory{In: unsafe.Pointer(&x[0]), More: []unsafe.Pointer{unsafe.Pointer(&y[0])}, Out: unsafe.Pointer(&z[0])})
				eachByte(&p.Out, z, func(n, c, h, w int, inside bool, got uint8) {
					if !inside {
						if got != 140 {
							t.Fatalf("halo %d %d is %d", h, w, got)
						}
						return
					}
					u := float64(*a.byteAt(unsafe.Pointer(&x[0]), n, c, h, w)) - 120
					v := float64(*b.byteAt(unsafe.Pointer(&y[0]), n, c, h, w)) - 131
					sum := u*0.02 + v*0.03
					if mul {
						sum = u * 0.02 * v * 0.03
					}
					want := min(max(sum/0.025+140, 3), 250)
					if math.Abs(float64(got)-want) > 0.501 {
						t.Fatalf("mul %v signed %v: %d, want %v", mul, signed, got, want)
					}
				})
			}
		}
	})
}

// eachByte visits a U8x64 value with its halo.
func eachByte(l *Layout, b []byte, visit func(n, c, y, x int, inside bool, v uint8)) {
	for n := range l.N {
		for c := range l.C {
			for y := -l.Top; y < l.H+l.Bottom; y++ {
				for x := -l.Left; x < l.W+l.Right; x++ {
					visit(n, c, y, x, y >= 0 && x >= 0 && y < l.H && x < l.W, *l.byteAt(unsafe.Pointer(&b[0]), n, c, y, x))
				}
			}
		}
	}
}

func TestByteMove(t *testing.T) {
	eachRung(t, func(t *testing.T, k *Rung) {
		rng := rand.New(rand.NewSource(4))
		table := new([256]uint8)
		for i := range table {
			table[i] = uint8(i * 7)
		}
		for _, c := range []struct {
			why        string
			from, to   Format
			c, all, at int
			table      *[256]uint8
		}{
			{"into blocks", U8, U8x64, 70, 70, 0, nil},
			{"out of blocks", U8x64, U8, 130, 130, 0, nil},
			{"out of blocks by a table", U8x64, U8, 70, 75, 3, table},
			{"out of blocks, 24 in the last", U8x64, U8, 88, 88, 0, nil},
			{"pixels of four", U8, U8x4, 3, 3, 0, table},
			{"a part over a border", U8x64, U8x64, 90, 200, 40, nil},
			{"an aligned part by a table", U8x64, U8x64, 64, 200, 128, table},
			{"flat part", U8, U8, 5, 9, 2, nil},
		} {
			for _, size := range [][2]int{{4, 5}, {3, 13}, {1, 1}} {
				from, to := NewLayout(c.from, 2, c.c, size[0], size[1], Halo{}), NewLayout(c.to, 2, c.all, size[0], size[1], Halo{})
				if c.to != U8 {
					to = NewLayout(c.to, 2, c.all, size[0], size[1], Halo{1, 1, 0, 1})
					to.Fill = 9
				}
				work, err := k.ByteMove(ByteMove{From: from, To: to, First: c.at, Table: c.table})
				if err != nil {
					t.Fatal(err)
				}
				x, z := byteValue(t, rng, from), byteValue(t, rng, to)
				before := bytes.Clone(z)
				run(t, work, Memory{In: unsafe.Pointer(&x[0]), Out: unsafe.Pointer(&z[0])})
				eachByte(&to, z, func(n, ch, h, w int, inside bool, got uint8) {
					mine := ch >= c.at && ch < c.at+c.c
					want := *to.byteAt(unsafe.Pointer(&before[0]), n, ch, h, w)
					switch {
					case !inside && !mine:
						return
					case !inside:
						want = 9
					case mine:
						want = *from.byteAt(unsafe.Pointer(&x[0]), n, ch-c.at, h, w)
						if c.table != nil {
							want = c.table[want]
						}
					}
					if got != want {
						t.Fatalf("%s, %v: channel %d at %d %d is %d, want %d", c.why, size, ch, h, w, got, want)
					}
				})
			}
		}
	})
}

func TestBytePools(t *testing.T) {
	eachF32Rung(t, func(t *testing.T, k *Rung) {
		rng := rand.New(rand.NewSource(5))
		for _, p := range []Pool{
			{KernelH: 3, KernelW: 3, StrideH: 2, StrideW: 2, DilationH: 1, DilationW: 1, PadTop: 1, PadLeft: 1},
			{KernelH: 2, KernelW: 3, StrideH: 1, StrideW: 1, DilationH: 2, DilationW: 1},
			{KernelH: 11, KernelW: 13, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1},
		} {
			p.In = NewLayout(U8x64, 2, 70, 11, 13, Halo{1, 1, 1, 1})
			h := (11+2*p.PadTop-(p.KernelH-1)*p.DilationH-1)/p.StrideH + 1
			w := (13+2*p.PadLeft-(p.KernelW-1)*p.DilationW-1)/p.StrideW + 1
			p.Out = NewLayout(U8x64, 2, 70, h, w, Halo{1, 1, 1, 1})
			p.Out.Fill = 77
			for _, average := range []bool{false, true} {
				a := ByteAverage{Pool: p, ZeroIn: 100, ZeroOut: 77, ScaleIn: 0.02, ScaleOut: 0.03}
				work, err := k.ByteMax(p)
				if average {
					work, err = k.ByteAverage(a)
				}
				if err != nil {
					t.Fatal(err)
				}
				x, z := byteValue(t, rng, p.In), byteValue(t, rng, p.Out)
				run(t, work, Memory{In: unsafe.Pointer(&x[0]), Out: unsafe.Pointer(&z[0])})
				eachByte(&p.Out, z, func(n, c, y, xx int, inside bool, got uint8) {
					want := uint8(77)
					if inside {
						want = poolReference(&a, average, x, n, c, y, xx)
					}
					if got != want {
						t.Fatalf("%dx%d average %v, channel %d at %d %d: %d, want %d", p.KernelH, p.KernelW, average, c, y, xx, got, want)
					}
				})
			}
		}
	})
}

func poolReference(p *ByteAverage, average bool, in []byte, n, c, y, x int) uint8 {
	sum, count, most := 0, 0, uint8(0)
	for ky := range p.KernelH {
		for kx := range p.KernelW {
			iy, ix := y*p.StrideH+ky*p.DilationH-p.PadTop, x*p.StrideW+kx*p.DilationW-p.PadLeft
			if iy < 0 || ix < 0 || iy >= p.In.H || ix >= p.In.W {
				continue
			}
			v := *p.In.byteAt(unsafe.Pointer(&in[0]), n, c, iy, ix)
			sum, count, most = sum+int(v)-int(p.ZeroIn), count+1, max(most, v)
		}
	}
	if !average {
		return most
	}
	per := p.ScaleOut * float32(count)
	v := math.RoundToEven(float64(float32(sum)*(p.ScaleIn/per))) + float64(p.ZeroOut)
	return uint8(min(max(v, 0), 255))
}
