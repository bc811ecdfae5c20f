// Package kernel has the fast code of the engine: kernels, and planned steps on packed
// operands. It deals with memory and sizes, and does not know tensors or nodes.
//
// This package may change without notice.
//
// # From a description to numbers
//
// An operation is described by a struct of sizes and layouts ([Conv], [Pool], [Gemm],
// [Resize], ...). A method of a [Rung] plans it: the result is a [Work], a list of steps
// that run one after the other. A [Step] is cut into chunks, which run in any order and at
// the same time, on memory that the caller passes:
//
//	w, err := rung.PackConv(kernel.ConvDirect, &conv, weights, bias) // allocates
//	for i := range w.Chunks() {
//		w.Chunk(i) // packs the weights: once for all picture sizes
//	}
//	work, err := rung.Conv(kernel.ConvDirect, &conv, w) // plans: once for each shape
//	for _, step := range work.Steps {
//		for i := range step.Chunks() {
//			step.Run(i, &memory) // computes: each time
//		}
//	}
//
// # Rungs
//
// A [Rung] is the table of kernels for one class of processors, and inherits what it does
// not have from the rung below:
//
//	purego ← avx2 ← avx512 ← vnni ← avx512bf16 ← amx     amd64
//	purego ← neon ← dotprod ← i8mm                       arm64
//
// purego is plain Go and has a twin of every kernel: the same contract, packing and tails,
// against which tests hold the assembly. The rest of the engine asks for kernels by the
// fields and methods of Rung, and by Rung.Block, the float32 format of the rung. Only
// package plan asks for a rung by name: whether it is purego, in which nothing is worth timing.
//
// # Formats and layouts
//
// An activation has N pictures of C channels, H rows and W columns. A [Format] says how its
// numbers lie in memory, a [Layout] also where:
//
//	Planar    float32, row-major, as ONNX has it (NCHW)
//	F32x8     float32, 8 channels of a pixel side by side (NCHW8c): purego, avx2, neon
//	F32x16    float32, 16 channels side by side (NCHW16c): avx512 and above
//	Split32   32 channels, each as the sum of two bfloat16: for AMX tiles, in bf16x3
//	BF16x32   32 channels in bfloat16: for AMX tiles and VDPBF16PS, where that precision is asked for
//	U8x64     64 channels of 8-bit codes
//	U8x4      up to 4 channels of 8-bit codes: the picture of a quantised first layer
//	U8        8-bit codes, row-major
//
// In all but Planar and U8, channels are cut into blocks, and a block is a plane of pixels:
// one load has a vector of channels of a pixel, and results are stored as whole vectors,
// however many channels there are. Around each plane lies a halo, the padding of the
// convolutions that read it, so kernels need no tests at the edges. This is F32x16 of 40
// channels, 2 rows and 3 columns with a halo of one pixel; each letter or 0 is a pixel of 64
// bytes:
//
//	block 0            block 1            block 2
//	channels 0 to 15   channels 16 to 31  channels 32 to 39, and 8 undefined ones
//	0 0 0 0            0 0 0 0            0 0 0 0
//	0 a b c            0 g h i            0 m n o
//	0 d e f            0 j k l            0 p q r
//	0 0 0 0 0 ~        0 0 0 0 0 ~        0 0 0 0 0 ~
//
// The Pitch is 4 pixels, not 5: the 0 after c is both the right halo of the first row and
// the left halo of the second. ~ is slack, where the last tile of a kernel may read or write
// what counts for nothing. Whoever writes a layout also fills its halo.
//
// # Convolutions
//
//	what                                       step
//	any, in float32                            directConv      conv_direct.go
//	a filter per channel                       depthwise       dwconv.go
//	3x3, stride 1: Winograd's F(4x4, 3x3)      winogradConv    conv_winograd.go
//	    the same, up to 4 tiles, AVX-512       winogradFew     conv_winograd_few.go
//	    F(2x2, 3x3), for small maps            winogradConv    conv_winograd_small.go
//	of bfloat16, by VDPBF16PS                  directConv      conv_pairs_amd64.go
//	on AMX tiles                               tileConv        amx_conv.go
//	    a planar picture (first layers)        planarTileConv  amx_planar.go
//	8-bit codes with exact sums                QConv           int8.go
//	    3x3, stride 1: F(4x4, 3x3) on integers codeWinograd    int8_winograd.go
//	    of numbers that are coded at run time  Dynamic         int8_dynamic.go, int8_range.go
//	    that are the result                    Sums            int8_sums.go
//	a chain, some rows at a time               bands           bands.go
//	with weights that are made at run time     MadeConv        conv_made.go
//
// Package plan decides between direct, depthwise and the two Winograds ([ConvMethod]), and
// whether tiles or bands are used. QConv chooses among its forms itself, and MadeConv its
// method. A matrix product is a [Gemm], two with a softmax between them are an [Attention].
//
// # Words
//
//   - A tap is one of the KernelH·KernelW places of a filter.
//   - A register tile is the part of an output whose sums stay in registers over the whole
//     inner loop: 14 pixels by 32 channels with AVX-512. An AMX tile is one of the eight
//     registers of 16 rows of 64 bytes. A Winograd tile is a square of 4x4 or 2x2 outputs.
//   - A column is the one to three vectors of output channels of a register tile; a panel is
//     the packed weights of a column, in the order in which the kernel reads them.
//   - The epilogue turns sums into results: bias, residual, activation, conversion.
//   - A room is memory for one chunk at a time, reused by later chunks; it lies in a frame or
//     a pool, or in the scratch. A frame is the rooms, and the arguments of assembly, of a
//     chunk: as local variables, they would be allocated in each run.
//   - Ahead are the weights that a call prefetches for a later one.
//   - The numbers of nanoseconds, bytes and pixels by which work is cut were measured on a
//     server's core. They decide how fast a result comes. Where they decide the order of a
//     sum too, they go by the shape alone, so that a result does not depend on the threads.
//
// # Who owns memory
//
// A step keeps no state between runs and allocates nothing. Inputs, outputs and the scratch
// ([Work].Scratch bytes) are the caller's. Packed weights own theirs, on Linux outside Go's
// heap (slab.go), and must stay reachable as long as a step that uses them. Chunks take frames
// and rooms from pools. Weights that are made at run time ([MadeConv], QWeights.Passing) are
// packed in Go's heap; the steps of a MadeConv pack them, so that it serves one run at a time.
package kernel
