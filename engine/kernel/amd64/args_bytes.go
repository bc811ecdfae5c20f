package amd64

import "github.com/visionzoo/vision/engine/kernel/args"

// ByteRow is one call of a kernel on a row of codes.
type ByteRow args.ByteRow
