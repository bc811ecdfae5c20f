package ops

import (
	"slices"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/kernel/num"
	"github.com/visionzoo/vision/engine/kernel/vec"
	"github.com/visionzoo/vision/engine/tensor"
)

// transposedProduct is kept from run to run: the planned matrix product, its transposed operand, and
// buffers for its result. That is the product of the transposed weights with the image or, where an
// image has fewer pixels than channels and the weights may differ from run to run, of the transposed
// image with the weights, whose result is transposed.
type transposedProduct struct {
	x, w    []int // shapes it was planned for
	each    int   // images per call of work
	work    kernel.Work
	mem     kernel.Memory
	weights []float32 // for each group: [M/group·taps][C/group]
	filled  bool      // weights is up to date: the weights are constant
	images  []float32 // instead of weights, for each image: [pixels of X][C]
	result  []float32 // with images, for each image and group: [pixels of X][M/group·taps]
	columns []float32 // for each image and group: [M/group·taps][pixels of X]
}

// columnBytes is the approximate size of the buffer for columns: they should stay in the cache
// until they are added up.
const columnBytes = 4 << 20

// EvalFast multiplies the transposed weights [M·taps C] with an image [C pixels], which gives for each
// output channel and tap a row (columns), and adds each element to the output pixel that its tap meets
// (col2im).
func (op *convTranspose) EvalFast(c *Call) (bool, error) {
	x, w := c.In[0], c.In[1]
	v := c.vec(x, w)
	bias := c.input(2)
	if v == nil || bias != nil && bias.DType() != tensor.Float32 || x.Len() == 0 || w.Len() == 0 || x.Rank() > 5 {
		return false, nil
	}
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return true, err
	}
	s, err := op.backwards(x.Shape()[2:], w.Shape()[2:])
	if err != nil {
		return true, err
	}
	p := op.product(c, s)
	if p == nil {
		return false, nil
	}
	m := w.Dim(1) * op.group
	y, err := c.output(tensor.Float32, append([]int{x.Dim(0), m}, s.in[3-s.rank:]...)...)
	if err != nil {
		return true, err
	}
	if p.images == nil && !p.filled {
		turnEach(v, p.weights, tensor.Data[float32](w), op.group, x.Dim(1)/op.group, w.Dim(1)*s.taps())
		p.filled = c.Node.Inputs[1].Const() != nil
	}
	var shift []float32
	if bias != nil {
		shift = tensor.Data[float32](bias)
	}
	dst, pixels, taps := tensor.Data[float32](y), s.outSize(), s.taps()
	for n := 0; n < x.Dim(0); n += p.each {
		if err := p.multiply(c, tensor.Data[float32](x)[n*x.Dim(1)*pixels:], tensor.Data[float32](w), op.group); err != nil {
			return true, err
		}
		planes := dst[n*m*s.inSize():]
		err := c.share(p.each*m, 1.2*float64(pixels*taps)+0.2*float64(s.inSize()), func(from, to int) {
			for i := from; i < to; i++ {
				var b float32
				if shift != nil {
					b = shift[i%m]
				}
				s.addColumns(c.vec(), planes[i*s.inSize():(i+1)*s.inSize()], p.columns[i*taps*pixels:(i+1)*taps*pixels], b)
			}
		})
		if err != nil {
			return true, err
		}
	}
	return true, nil
}

// multiply computes the columns of the images at the beginning of x.
func (p *transposedProduct) multiply(c *Call, x, w []float32, groups int) error {
	if p.images == nil {
		p.mem.In, p.mem.Out = unsafe.Pointer(&p.weights[0]), unsafe.Pointer(&p.columns[0])
		p.mem.More = append(p.mem.More[:0], unsafe.Pointer(&x[0]))
		return c.do(&p.work, &p.mem)
	}
	channels := p.x[1]
	pixels := len(p.images) / (p.each * channels)
	turnEach(c.vec(), p.images, x, p.each, channels, pixels)
	p.mem.In, p.mem.Out = unsafe.Pointer(&p.images[0]), unsafe.Pointer(&p.result[0])
	p.mem.More = append(p.mem.More[:0], unsafe.Pointer(&w[0]))
	if err := c.do(&p.work, &p.mem); err != nil {
		return err
	}
	turnEach(c.vec(), p.columns, p.result, p.each*groups, pixels, len(p.result)/(p.each*groups*pixels))
	return nil
}

// product returns the plan of the matrix products, from an earlier run if the
// shapes are the same. It is nil if there is no kernel for them or no memory for their
// columns: the reference takes no memory but its output.
func (op *convTranspose) product(c *Call, s *slide) *transposedProduct {
	x, w := c.In[0], c.In[1]
	if p, ok := c.Kept.(*transposedProduct); ok && slices.Equal(p.x, x.Shape()) && slices.Equal(p.w, w.Shape()) {
		return p
	}
	cg, rows, pixels := x.Dim(1)/op.group, w.Dim(1)*s.taps(), s.outSize()
	one, err := tensor.Count([]int{4, op.group, rows, pixels})
	if err != nil {
		return nil
	}
	each := max(1, min(x.Dim(0), columnBytes/one))
	for x.Dim(0)%each != 0 {
		each--
	}
	byImage := c.Node.Inputs[1].Const() == nil && pixels < cg
	bytes := int64(each)*int64(one) + int64(4*w.Len())
	if byImage {
		bytes = 2*int64(each)*int64(one) + int64(4*each*x.Dim(1)*pixels)
	}
	if c.Run.ReserveBytes(bytes) != nil {
		return nil
	}
	g := &kernel.Gemm{M: rows, N: pixels, K: cg, RowA: cg, RowB: pixels, RowC: pixels, Scale: 1, Strict: c.Run.Strict,
		Batch: []kernel.GemmBatch{
			{Count: each, A: 0, B: op.group * cg * pixels, C: op.group * rows * pixels},
			{Count: op.group, A: rows * cg, B: cg * pixels, C: rows * pixels},
		}}
	if byImage {
		g = &kernel.Gemm{M: pixels, N: rows, K: cg, RowA: x.Dim(1), RowB: rows, RowC: rows, Scale: 1, Strict: c.Run.Strict,
			Batch: []kernel.GemmBatch{
				{Count: each, A: x.Dim(1) * pixels, B: 0, C: op.group * rows * pixels},
				{Count: op.group, A: cg, B: cg * rows, C: rows * pixels},
			}}
	}
	work, err := c.Run.Kernel.Gemm(g, nil)
	if err != nil {
		return nil
	}
	p := &transposedProduct{x: slices.Clone(x.Shape()), w: slices.Clone(w.Shape()), each: each, work: work,
		columns: make([]float32, each*one/4)}
	if byImage {
		p.images, p.result = make([]float32, each*x.Dim(1)*pixels), make([]float32, each*one/4)
	} else {
		p.weights = make([]float32, w.Len())
	}
	c.Kept = p
	return p
}

// turnEach transposes each of several matrices [rows][columns] to [columns][rows].
func turnEach(v *vec.Unit, dst, src []float32, matrices, rows, columns int) {
	size := rows * columns
	for m := range matrices {
		from, to := bitsOf(src[m*size:][:size]), bitsOf(dst[m*size:][:size])
		for i := 0; i < rows; i += bandRows {
			v.TransposeMatrix(to[i:], from[i*columns:], rows, columns, min(bandRows, rows-i), columns)
		}
	}
}

// bitsOf views float32 numbers as uint32.
func bitsOf(x []float32) []uint32 {
	return unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(x))), len(x))
}

// addColumns adds up a plane of the output from the products of each tap with all
// pixels. If taps never overlap, products are stored instead.
func (s *slide) addColumns(v *vec.Unit, out, columns []float32, bias float32) {
	alone := true
	for i, p := range s.span {
		alone = alone && p.kernel == p.stride && p.before == 0 && (p.dilation == 1 || p.kernel == 1) && s.in[i] == s.out[i]*p.stride
	}
	if !alone {
		for i := range out {
			out[i] = bias
		}
	}
	kd, kh, kw := s.span[0].kernel, s.span[1].kernel, s.span[2].kernel
	pixels := s.outSize()
	for k := range kd * kh * kw {
		kz, ky, kx := k/kh/kw, k/kw%kh, k%kw
		x := columns[k*pixels:][:pixels]
		z0, z1 := s.span[0].inside(kz, s.in[0], s.out[0])
		y0, y1 := s.span[1].inside(ky, s.in[1], s.out[1])
		x0, x1 := s.span[2].inside(kx, s.in[2], s.out[2])
		step := s.span[2].stride
		if x0 >= x1 {
			continue
		}
		for iz := z0; iz < z1; iz++ {
			oz := s.span[0].at(iz, kz)
			for iy := y0; iy < y1; iy++ {
				oy := s.span[1].at(iy, ky)
				row := out[(oz*s.in[1]+oy)*s.in[2]:][:s.in[2]]
				o := s.span[2].at(x0, kx)
				in := x[(iz*s.out[1]+iy)*s.out[2]:][x0:x1]
				switch {
				case alone:
					for _, p := range in {
						row[o] = p + bias
						o += step
					}
				case step == 1:
					to := row[o:][:len(in)]
					v.Zip(num.Add, to, to, in)
				default:
					for _, p := range in {
						row[o] += p
						o += step
					}
				}
			}
		}
	}
}
