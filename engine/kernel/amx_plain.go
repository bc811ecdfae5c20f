package kernel

import (
	"math"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/vec"
)

// plainConv is the twin of the convolutions with AMX tiles: it computes the definition, in
// float64, from the numbers that the input represents.
type plainConv struct {
	conv    Conv
	weights *TileWeights
}

var plainTileConv = TileConv{
	PackSplit: packPlainSplit, NewSplit: newPlainConv,
	PackBF16: packPlainBF16, NewBF16: newPlainConv,
	Pays: func(Format) bool { return false },
}

func packPlainSplit(c *Conv, weights Numbers, bias []float32) (*TileWeights, error) {
	return packPlain(splitSource(c), c, weights, bias)
}

// splitSource returns the format that a bf16x3 convolution reads: Split32, or Planar for
// the picture of a first layer.
func splitSource(c *Conv) Format {
	if c.In.Format == Planar {
		return Planar
	}
	return Split32
}

func packPlainBF16(c *Conv, weights Numbers, bias []float32) (*TileWeights, error) {
	return packPlain(BF16x32, c, weights, bias)
}

// packPlain allocates the twin's copy of the weights.
func packPlain(f Format, c *Conv, weights Numbers, bias []float32) (*TileWeights, error) {
	w, err := newTileWeights(f, c, weights.with(&vec.Plain), bias)
	if err == nil {
		w.plain = make([]float32, w.source.len())
	}
	return w, err
}

// newPlainConv plans a convolution with the twin.
func newPlainConv(c *Conv, w *TileWeights) (Work, error) {
	if err := w.fits(c); err != nil {
		return Work{}, err
	}
	return Work{Steps: []Step{&plainConv{*c, w}}}, nil
}

// Chunks returns one chunk for each output channel of each picture.
func (s *plainConv) Chunks() int { return s.conv.Out.N * s.conv.Out.C }

func (s *plainConv) Run(chunk int, m *Memory) {
	c := &s.conv
	n, co := chunk/c.Out.C, chunk%c.Out.C
	for y := range c.Out.H {
		for x := range c.Out.W {
			v := s.at(m, n, co, y, x)
			if c.Residual != nil {
				v += float64(c.Residual.get(m.Residual, n, co, y, x))
			}
			c.Out.set(m.Out, n, co, y, x, float32(c.Act.Of(v)))
		}
	}
	if channels := c.Out.Format.Channels(); co%channels == 0 {
		c.Out.clearHalo(unsafe.Add(m.Out, c.Out.At(n, co)), 0, 1)
	}
}

// at computes one output before residual and activation.
func (s *plainConv) at(m *Memory, n, co, y, x int) float64 {
	c, w := &s.conv, s.weights
	cin := c.In.C / c.Group
	first := co / (c.Out.C / c.Group) * cin
	sum := float64(w.bias[co])
	for ci := range cin {
		for ky := range c.KernelH {
			for kx := range c.KernelW {
				iy := y*c.StrideH + ky*c.DilationH - c.PadTop
				ix := x*c.StrideW + kx*c.DilationW - c.PadLeft
				if iy < 0 || ix < 0 || iy >= c.In.H || ix >= c.In.W {
					continue
				}
				weight := w.plain[((co*cin+ci)*c.KernelH+ky)*c.KernelW+kx]
				x := float64(c.In.get(m.In, n, first+ci, iy, ix))
				if c.Gate != nil {
					x *= float64(c.Gate.get(m.More[0], n, ci, 0, 0))
				}
				sum += x * float64(weight)
			}
		}
	}
	return sum
}

// get and set read and write one number of a layout at base. Split32 and BF16x32 are
// rounded half up in magnitude, as the kernels do.
func (l *Layout) get(base unsafe.Pointer, n, c, y, x int) float32 {
	p := unsafe.Add(base, l.At(n, c)+l.Pixel(y, x))
	c %= l.Format.Channels()
	switch l.Format {
	case Split32:
		p = unsafe.Add(p, pairOffset(c))
		return fromHalf(*(*uint16)(p)) + fromHalf(*(*uint16)(unsafe.Add(p, 64)))
	case BF16x32:
		return fromHalf(*(*uint16)(unsafe.Add(p, pairOffset(c))))
	case U8x64:
		return float32(*(*uint8)(unsafe.Add(p, c)))
	}
	return *(*float32)(unsafe.Add(p, 4*c))
}

func (l *Layout) set(base unsafe.Pointer, n, c, y, x int, v float32) {
	p := unsafe.Add(base, l.At(n, c)+l.Pixel(y, x))
	c %= l.Format.Channels()
	switch l.Format {
	case Split32:
		p = unsafe.Add(p, pairOffset(c))
		hi := toHalf(v)
		*(*uint16)(p) = hi
		*(*uint16)(unsafe.Add(p, 64)) = toHalf(v - fromHalf(hi))
	case BF16x32:
		*(*uint16)(unsafe.Add(p, pairOffset(c))) = toHalf(v)
	case U8x64:
		*(*uint8)(unsafe.Add(p, c)) = uint8(v)
	default:
		*(*float32)(unsafe.Add(p, 4*c)) = v
	}
}

// pairOffset returns the offset of channel c of 32 in 64 bytes: word c mod 16, its upper
// half from channel 16 on.
func pairOffset(c int) int { return c%16*4 + c/16*2 }

// toHalf rounds to bf16, half up in magnitude; fromHalf converts back.
func toHalf(v float32) uint16   { return uint16((math.Float32bits(v) + 0x8000) >> 16) }
func fromHalf(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }
