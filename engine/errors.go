package engine

import (
	"errors"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/ops"
)

// What callers decide on. The errors that wrap these say more.
var (
	ErrNotModel = onnx.ErrNotModel                    // the bytes are no ONNX file; the message says what they are
	ErrClosed   = errors.New("the session is closed") // a run after Close
)

// UnsupportedError lists the nodes of a sound model whose operators the engine
// does not know, all of them; Operators lists those it knows. Opening a model
// gives it.
type UnsupportedError = ops.UnsupportedError

// NodeError says at which node of a graph an error arose, while opening or
// running.
type NodeError = ir.NodeError

// MemoryError says how many bytes a run needs, how many it holds and what
// MemoryLimit allows.
type MemoryError = ops.MemoryError
