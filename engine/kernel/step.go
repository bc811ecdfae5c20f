package kernel

import "unsafe"

// Step is planned work on memory that the caller names at each run: Chunks
// pieces that may run at once and in any order, 10 to 30 µs each where the
// work allows. A chunk writes only what is its own. A Step keeps no state
// between runs and allocates nothing.
type Step interface {
	Chunks() int
	Run(chunk int, m *Memory)
}

// chunkTime is what a chunk should take, in nanoseconds: long enough to hide the
// claiming of it, short enough to share the work and not to hold up the
// collector.
const chunkTime = 10_000

// pieces is how many chunks n units of unit nanoseconds each should become: an
// even number, as two threads are the most common of several, unless the whole
// is not worth waking anybody for.
func pieces(n int, unit float64) int {
	total := unit * float64(n)
	if total < chunkTime/2 {
		return min(n, 1)
	}
	return min(n, (int(total/chunkTime)+2)&^1)
}

// Memory is what a Step works on: the first byte of each operand's layout.
type Memory struct {
	In, Residual, Out unsafe.Pointer
	More              []unsafe.Pointer // the inputs after the first
	Scratch           unsafe.Pointer   // Work.Scratch bytes that start a cache line
	Mean              unsafe.Pointer   // of Conv.Mean
}

// Work is an operation of one or more steps, run one after the other on the
// same Memory. Between runs its scratch holds nothing.
type Work struct {
	Steps   []Step
	Scratch int // bytes
}

// toScratch is a step whose output is the scratch from a byte on.
type toScratch struct {
	Step
	at int
}

func (s toScratch) Run(chunk int, m *Memory) {
	runBetween(s.Step, chunk, m, m.In, unsafe.Add(m.Scratch, s.at))
}

// fromScratch is a step whose input is the scratch from a byte on.
type fromScratch struct {
	Step
	at int
}

func (s fromScratch) Run(chunk int, m *Memory) {
	runBetween(s.Step, chunk, m, unsafe.Add(m.Scratch, s.at), m.Out)
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

// Conv describes a two-dimensional convolution between two layouts. Padding at
// the bottom and right follows from the output's size; the input's halo covers
// the padding unless the input is planar.
//
// Weights come as ONNX lays them out: [Cout][Cin/Group][KernelH][KernelW]
// float32, bias [Cout] or nil.
type Conv struct {
	In, Out              Layout
	KernelH, KernelW     int
	StrideH, StrideW     int
	DilationH, DilationW int
	PadTop, PadLeft      int
	Group                int
	Residual             *Layout // added before the activation; may be the output's memory
	Act                  Activation
	Gate                 *Layout // 1x1 kernels of one group: the input is multiplied with these, one number a channel; Memory.More[0]
	Mean                 *Layout // depthwise only: the mean of each plane of the output is wanted too, H and W of 1; Memory.Mean
}

// Activation is applied to the sum of a convolution, its bias and its residual.
type Activation struct {
	Kind        ActivationKind
	Alpha, Beta float32
}

// ActivationKind names a function.
type ActivationKind uint8

// The activations.
const (
	Identity    ActivationKind = iota
	Clip                       // min(max(x, Alpha), Beta); Relu is Clip with 0 and +Inf
	LeakyRelu                  // x, or Alpha·x below 0
	Sigmoid                    // 1 / (1 + e^-x)
	Silu                       // x · sigmoid(x)
	HardSigmoid                // min(max(Alpha·x + Beta, 0), 1)
	HardSwish                  // x · min(max(x/6 + 1/2, 0), 1)
	Tanh                       // tanh x
	Gelu                       // x/2 · (1 + erf(x/√2))
	Mish                       // x · tanh(ln(1 + e^x))
)
