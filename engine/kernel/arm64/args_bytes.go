package arm64

import "github.com/visionzoo/vision/engine/kernel/args"

// ByteRow is one call of a kernel on a row of codes.
type ByteRow args.ByteRow

// WideTile is one call of a kernel of integer convolutions.
type WideTile args.WideTile
