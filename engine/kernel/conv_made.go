package kernel

// MadeConv is a convolution between planar values with weights that are made at run time. In
// each run it packs them, brings the input into blocks, convolves, and brings the result out
// of blocks. The packed weights are its own: it serves one run at a time.
type MadeConv struct {
	Work    // after Use; In and Out of its Memory are planar
	rung    *Rung
	weights *ConvWeights
}

// MadeConv plans a convolution of planar layouts without residual, activation, gate and mean.
// It is Winograd's form where package plan takes that without timing it, or direct.
func (r *Rung) MadeConv(planar Conv) (*MadeConv, error) {
	c := planar
	c.In = NewLayout(r.Block, c.In.N, c.In.C, c.In.H, c.In.W, c.Halo())
	c.Out = NewLayout(r.Block, c.Out.N, c.Out.C, c.Out.H, c.Out.W, Halo{})
	m := c.Method()
	if m == ConvDirect && c.winogradFits() == nil && c.WinogradPays() {
		m = ConvWinograd
	}
	w, err := r.layoutConv(m, &c)
	if err != nil {
		return nil, err
	}
	w.data, w.bias = alignedFloats(w.size()), alignedFloats(roundUp(c.Out.C, 32))
	conv, err := r.Conv(m, &c, w)
	if err != nil {
		return nil, err
	}
	in, err := r.Convert(planar.In, c.In)
	if err != nil {
		return nil, err
	}
	out, err := r.Convert(c.Out, planar.Out)
	if err != nil {
		return nil, err
	}
	result := c.In.Size() // in the scratch: the input, the result, the scratch of the convolution
	own := result + (c.Out.Size()+63)&^63
	made := &MadeConv{rung: r, weights: w, Work: Work{Steps: []Step{packing{w}}, Scratch: own + conv.Scratch}}
	for _, s := range in.Steps {
		made.Steps = append(made.Steps, toScratch{s, 0})
	}
	for _, s := range conv.Steps {
		made.Steps = append(made.Steps, &inScratch{Step: s, out: result, own: own})
	}
	for _, s := range out.Steps {
		made.Steps = append(made.Steps, fromScratch{s, result})
	}
	return made, nil
}

// Use sets the weights, of the layout that [Conv] names, and the bias, [Cout] or nil, of the
// next run. The weights are read when it runs, the bias is copied.
func (c *MadeConv) Use(weights Numbers, bias []float32) {
	c.weights.source = weights.with(&c.rung.Vec)
	clear(c.weights.bias)
	copy(c.weights.bias, bias)
}

// packing is a step that packs weights.
type packing struct{ w *ConvWeights }

func (p packing) Chunks() int          { return p.w.Chunks() }
func (p packing) Run(i int, _ *Memory) { p.w.Chunk(i) }
