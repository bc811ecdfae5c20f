//go:build amd64 && !purego

package box

import "github.com/visionzoo/vision/engine/kernel/amd64"

// The units of amd64.
var (
	AVX2   = Unit{lay: amd64.LayAVX2, near: amd64.NearAVX2, sweep: amd64.SweepAVX2, ious: amd64.SquareIoUsAVX2}
	AVX512 = Unit{lay: amd64.LayAVX512, near: amd64.NearAVX512, sweep: amd64.SweepAVX512, ious: amd64.SquareIoUsAVX512}
)
