// Package plan turns graphs into schedules: which kernel runs each node, where its
// operands lie, and in what order.
//
// This package may change without notice: use it through engine.
//
// # From a graph to a run
//
//	Runner     a graph with its options; safe for concurrent use     runner.go
//	program    the graph, or a region of it, with numbered values    program.go
//	stage      the nodes whose shapes are known at one time          stage.go, staged.go
//	Plan       their schedule, made once for a set of input shapes   plan.go
//	instance   the memory and addresses of one run of a plan         instance.go
//
// The shapes of most networks follow from those of their inputs: one stage, one plan. Where
// shapes depend on data, as behind the NonMaxSuppression of a detector, the program is cut:
// what is known is planned and runs, then the nodes in question are interpreted (frame.go),
// and with their results the next stage begins. Plans are kept by shapes (keptStages). A
// batch of pictures may run as several runs of fewer pictures (batch.go).
//
// # How a plan is made
//
// newPlan does, in this order:
//
//  1. It finds the nodes that run on blocks of 8-bit codes (quant.go). It gives each other
//     node that can run on channel blocks a role (choose.go), and each value between such
//     nodes a format, a halo as wide as the padding of its readers, and its place in a
//     concatenation (blocked.go). Other values are planar.
//  2. It goes through the nodes and appends steps to the schedule, for each node in the first
//     of several ways that fits (builder.node). A node may take others with it: a chain of
//     convolutions (bands.go), a product with its bias, sum and activation (product.go), or
//     with a softmax and a second product (attention.go). A conversion between formats is a
//     step, added when the first reader asks for it (builder.inFormat). What only moves
//     numbers is left out where its reader can follow strides (moved.go) or has the same order
//     (builder.alias), or where parts of blocked values are read in their place (shuffle.go).
//     A Transpose between blocks and pixels copies from the one to the other (pixels.go).
//  3. It places the buffers of all values and scratches in one arena, those in use at the
//     same time side by side (arena.go).
//  4. It finds steps that threads may run without waiting for each other (series.go).
//  5. It packs the constants, all together, so that every processor has work (weights.go).
//
// # How a convolution is computed
//
// The first line that fits decides:
//
//	three dimensions                                          as pictures     volume.go
//	8-bit codes (QLinearConv)                                 integers        quant_conv.go
//	    float32 that is coded when it runs (DynamicConv)      integers        quant_dynamic.go
//	    that result in the sums (ConvInteger)                 integers        quant_sums.go
//	weights that another node makes                           as operator     conv_fast.go of package ops
//	1x1 around a depthwise one; or a max pool after it        in bands        bands.go
//	dilated so far that most taps meet padding                tap by tap      taps.go
//	rung amx, enough channels, not too many layers after it   AMX, bf16x3     choose.go: tiled
//	    a planar picture of up to 4 channels                  AMX, bf16x3     choose.go: tiledPlanar
//	rung avx512bf16, bfloat16 asked for, enough channels      VDPBF16PS       choose.go: tiled
//	    but not 3x3 of stride 1 on a large map                Winograd 4x4    winograd.go: beatsPairs
//	a filter per channel                                      depthwise
//	3x3 of stride 1, dilated or not, by the smaller side of the map and the smaller number of channels:
//	    side from 20, channels from 32                        Winograd 4x4    winograd.go
//	    side from 20, from 16; or side from 12, from 48       Winograd 4x4 or direct, timed
//	    sides from 6 to 8, from 64, F32x16                    Winograd 4x4
//	    side from 4, from 64                                  Winograd 2x2, 4x4 or direct, timed
//	all others, and on rung purego                            direct
//
// Chains and tap by tap use the lines below for their parts. A transposed convolution
// becomes several plain ones (transposed.go). What is timed is timed once in a process
// (measured.go).
//
// # How a step runs
//
// A [Plan] never changes; each run takes an instance, in which the address of every operand
// of every step is already filled in. A run binds the inputs, then goes through the steps: a
// kernel's chunks run on the team of package team, many steps in a row as a series; an
// operator without a kernel is evaluated on tensors that are views of the arena. Between
// steps the run looks whether it was cancelled.
//
// # Who owns memory
//
//   - Inputs are the caller's, and are read where they lie. Results are the caller's too:
//     they are copied out of the arena, into tensors of the caller's if these fit.
//   - An arena is a block of the runner's stock, which lends blocks to instances and gives
//     them back to the system after a while without runs (stock.go). Behind a stage with
//     dynamic nodes, an instance is leased until the last value in it is dropped
//     (leases.go).
//   - Packed constants are the runner's, shared by the plans of all shapes. Those of
//     constants that planning found are the plan's (weights.go).
//   - What a run may hold at once, and what packing adds, is bounded by Options.Memory.
package plan
