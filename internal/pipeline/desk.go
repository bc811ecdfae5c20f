package pipeline

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"time"

	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/clock"
	"github.com/visionzoo/vision/vision"
)

// Desks returns how many desks keep the given number of runs of a network going.
// There are as many desks as runs, each of which takes its pictures from the file
// to the result while what it wrote is still in its processor's cache. Where runs
// leave processors idle, or each takes several pictures, one more desk decodes
// meanwhile.
func Desks(runs int) int {
	if runs < runtime.GOMAXPROCS(0) {
		return runs + 1
	}
	return runs
}

// A Desk is where one goroutine decodes and encodes one picture after another,
// in memory that it keeps. The zero value is ready.
type Desk struct {
	picture vision.Image
	input   *tensor.Tensor
}

// keptPixels is the size of the largest picture whose memory is kept.
const keptPixels = 16 << 20

// Open decodes a picture and returns how long that took. The picture is the
// caller's until the next call and must not be changed: it may be the source's
// own.
func (d *Desk) Open(ctx context.Context, source vision.Source, opts ...vision.Option) (*vision.Image, time.Duration, error) {
	if cap(d.picture.Pix) > 3*keptPixels {
		d.picture = vision.Image{}
	}
	if source.Open == nil { // as of the zero value
		return nil, 0, errors.New("the source cannot be opened: its Open is nil")
	}
	start := clock.Now()
	img, err := source.Open(ctx, append(opts, vision.Into(&d.picture))...)
	if err == nil && img == nil {
		err = errors.New("the source gave no picture")
	}
	return img, clock.Since(start), err
}

// Input returns a tensor of the given type and shape: the one of the last call, with
// its content, if that has both, or a new one. It is the caller's until one of
// another form is asked for.
func (d *Desk) Input(dtype tensor.DType, shape []int) *tensor.Tensor {
	if d.input == nil || d.input.DType() != dtype || !slices.Equal(d.input.Shape(), shape) {
		d.input = tensor.New(dtype, shape...)
	}
	return d.input
}

// A Gate lets as many goroutines through at a time as its capacity says.
type Gate chan struct{}

// Enter waits until there is room, or returns the cause if ctx is done before.
func (g Gate) Enter(ctx context.Context) error {
	select {
	case g <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Leave makes room for another.
func (g Gate) Leave() { <-g }
