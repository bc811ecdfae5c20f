package engine

import (
	"errors"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/internal/limit"
)

// Errors that callers may test for with errors.Is. The errors that wrap these say
// more.
var (
	ErrNotModel = onnx.ErrNotModel                                                                               // the bytes are not an ONNX file; the message says what they are
	ErrClosed   = errors.New("the session is closed")                                                            // a run after Close
	ErrChanged  = errors.New("the file changed while in use: a part of it can no longer be read; open it again") // or one with its external data
	ErrNoValue  = errors.New("there is no value")                                                                // a name given to Outputs or Slice that no value of the graph has
)

// ErrLimit is what errors.Is finds in an error about something larger than a limit: a
// MemoryError, a model that runs too many iterations of a loop, a tensor whose size no int
// holds. It is the same as ErrLimit of packages vision and zoo.
var ErrLimit = limit.Err

// UnsupportedError lists all nodes of a valid model whose operators the engine does
// not support; Operators lists those it does. Opening a model may return it.
type UnsupportedError = ops.UnsupportedError

// NodeError says at which node of a graph an error occurred, while opening or
// running.
type NodeError = ir.NodeError

// MemoryError says how many bytes a run needs, how many it holds already, and what
// MemoryLimit allows.
type MemoryError = ops.MemoryError
