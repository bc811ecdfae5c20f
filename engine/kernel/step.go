package kernel

import "unsafe"

// Step is planned work on memory that the caller passes at each run. It consists of
// chunks that may run concurrently and in any order, of 10 to 30 µs each if possible. No
// two chunks write the same memory. A Step keeps no state between runs and allocates
// nothing.
type Step interface {
	Chunks() int
	Run(chunk int, m *Memory)
}

// chunkTime is the intended time of a chunk, in nanoseconds: long compared to claiming
// one, and short enough to balance threads and not to delay the garbage collector.
const chunkTime = 10_000 / finer

// pieces returns the number of chunks for n units of unit nanoseconds each: an even
// number, for two threads, or one if the work is not worth sharing.
func pieces(n int, unit float64) int {
	total := unit * float64(n)
	if total < chunkTime/2 {
		return min(n, 1)
	}
	return min(n, (int(total/chunkTime)+2)&^1)
}

// Memory has the operands of a Step: pointers to the first byte of each layout.
type Memory struct {
	In, Residual, Out unsafe.Pointer
	More              []unsafe.Pointer // the inputs after the first
	Scratch           unsafe.Pointer   // Work.Scratch bytes, aligned to a cache line
	Mean              unsafe.Pointer   // of Conv.Mean
	Ends              unsafe.Pointer   // biases and scales for the epilogue of a QConv with Floats: floatEnds bytes for each 32 outputs
}

// Work is an operation of one or more steps, which run one after the other on the same
// Memory. The scratch need not keep its content between runs.
type Work struct {
	Steps   []Step
	Scratch int // bytes
}

// toScratch is a step whose output is the scratch, from byte at on.
type toScratch struct {
	Step
	at int
}

func (s toScratch) Run(chunk int, m *Memory) {
	runBetween(s.Step, chunk, m, m.In, unsafe.Add(m.Scratch, s.at))
}

// fromScratch is a step whose input is the scratch, from byte at on.
type fromScratch struct {
	Step
	at int
}

func (s fromScratch) Run(chunk int, m *Memory) {
	runBetween(s.Step, chunk, m, unsafe.Add(m.Scratch, s.at), m.Out)
}

// inScratch is a step of which all but its output, or that too, lies in the scratch: each from a
// byte on. out is negative where the output is that of the work, and ends counts for a QConv only.
type inScratch struct {
	Step
	in, out, own, ends int
}

func (s *inScratch) Run(chunk int, m *Memory) {
	f := frames.Get().(*frame)
	f.memory = Memory{In: unsafe.Add(m.Scratch, s.in), Out: m.Out, Scratch: unsafe.Add(m.Scratch, s.own), Ends: unsafe.Add(m.Scratch, s.ends)}
	if s.out >= 0 {
		f.memory.Out = unsafe.Add(m.Scratch, s.out)
	}
	s.Step.Run(chunk, &f.memory)
	f.memory = Memory{}
	frames.Put(f)
}

// runBetween runs a chunk with another input and output.
func runBetween(s Step, chunk int, m *Memory, in, out unsafe.Pointer) {
	f := frames.Get().(*frame)
	f.memory = *m
	f.memory.In, f.memory.Out = in, out
	s.Run(chunk, &f.memory)
	f.memory = Memory{}
	frames.Put(f)
}

// Conv describes a two-dimensional convolution between two layouts. Padding at the bottom
// and right follows from the size of the output. The halo of the input must cover the
// padding, unless the input is planar.
//
// Weights have the layout of ONNX, [Cout][Cin/Group][KernelH][KernelW] float32; the bias
// is [Cout] or nil.
type Conv struct {
	In, Out              Layout
	KernelH, KernelW     int
	StrideH, StrideW     int
	DilationH, DilationW int
	PadTop, PadLeft      int
	Group                int
	Residual             *Layout // added before the activation; may be the output's memory
	Act                  Activation
	Gate                 *Layout // or nil; 1x1 kernels of one group only: factors of the input, one per channel, at Memory.More[0]
	Mean                 *Layout // or nil; depthwise only: also computes the mean of each plane of the output, with H and W of 1, at Memory.Mean
}

// Activation is applied to the sum of a convolution, its bias and its residual.
type Activation struct {
	Kind        ActivationKind
	Alpha, Beta float32
}

// ActivationKind is an activation function.
type ActivationKind uint8

// The activations.
const (
	Identity    ActivationKind = iota
	Clip                       // min(max(x, Alpha), Beta); Relu is Clip with 0 and +Inf
	LeakyRelu                  // x, or Alpha·x if x < 0
	Sigmoid                    // 1 / (1 + e^-x)
	Silu                       // x · sigmoid(x)
	HardSigmoid                // min(max(Alpha·x + Beta, 0), 1)
	HardSwish                  // x · min(max(x/6 + 1/2, 0), 1)
	Tanh                       // tanh x
	Gelu                       // x/2 · (1 + erf(x/√2))
	Mish                       // x · tanh(ln(1 + e^x))
	Softplus                   // ln(1 + e^x)
	Elu                        // Beta·x, or Alpha·(e^x - 1) if x < 0

	LastInConv = Mish // the last that convolutions and products can end in; the tile unit has no others
)
