package amd64

import "github.com/visionzoo/vision/engine/kernel/args"

// ByteRow is one call of a kernel on a row of codes.
type ByteRow args.ByteRow

// ByteTileArgs is one call of a kernel of dense integer convolutions.
type ByteTileArgs args.ByteTileArgs

// ByteTile describes a tile of them.
type ByteTile args.ByteTile

// DepthwiseArgs is one call of a kernel of depthwise integer convolutions.
type DepthwiseArgs args.DepthwiseArgs
