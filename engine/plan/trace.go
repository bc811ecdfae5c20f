package plan

import (
	"context"
	"fmt"
	"runtime/pprof"
	"runtime/trace"
	"slices"
	"time"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/internal/clock"
)

// Event is one step of a run, for a trace.
type Event struct {
	Node, Op, Kernel string
	Start            time.Time
	Took             time.Duration
	FLOPs            float64
	Bytes            int64
}

// event describes what was computed for some nodes: their multiply-adds, and the bytes
// of the values that they read and write, each counted once, without those from one of
// them to the next.
func (o *Options) event(kernel string, n *ir.Node, of []*ir.Node, fact func(*ir.Value) ir.Fact, start time.Time) Event {
	e := Event{Node: n.Name, Op: n.Op, Kernel: kernel, Start: start, Took: clock.Since(start)}
	seen := map[*ir.Value]bool{nil: true}
	for i, n := range of {
		if o.FLOPs != nil {
			e.FLOPs += o.FLOPs(n, fact)
		}
		for _, v := range slices.Concat(n.Inputs, n.Outputs) {
			if seen[v] || i+1 < len(of) && slices.Contains(of[i+1].Inputs, v) && v.Node == n {
				continue
			}
			if count, known := fact(v).Shape.Count(); known {
				e.Bytes += int64(count) * int64(fact(v).DType.Size())
			}
			seen[v] = true
		}
		for _, v := range n.Outputs {
			seen[v] = true
		}
	}
	return e
}

// factIn finds the facts of a call's operands and results.
func factIn(c *ops.Call) func(*ir.Value) ir.Fact {
	return func(v *ir.Value) ir.Fact {
		if i := slices.Index(c.Node.Inputs, v); i >= 0 && c.In[i] != nil {
			return ir.FactOf(c.In[i])
		}
		if i := slices.Index(c.Node.Outputs, v); i >= 0 && c.Out[i] != nil {
			return ir.FactOf(c.Out[i])
		}
		return ir.Fact{}
	}
}

// callTrace calls the caller's trace function. If that panics, the error says so, and
// wraps the value if it is an error.
func callTrace(trace func(Event), e Event) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case error:
			err = fmt.Errorf("the trace function panicked: %w", r)
		default:
			err = fmt.Errorf("the trace function panicked: %v", r)
		}
	}()
	trace(e)
	return nil
}

// watched reports whether nodes are told to the runtime's tracer and profiler, which costs
// time.
func (o *Options) watched() bool { return o.Trace != nil || trace.IsEnabled() }

// watch tells the runtime's tracer and profiler, until end is called, that this
// goroutine works for a node. Others are told with pprof.SetGoroutineLabels(labelled).
func watch(run *ops.Run, n *ir.Node) (labelled context.Context, end func()) {
	ctx, name := run.Context(), n.String()
	region := trace.StartRegion(ctx, name)
	labelled = pprof.WithLabels(ctx, pprof.Labels("node", name))
	pprof.SetGoroutineLabels(labelled)
	return labelled, func() {
		pprof.SetGoroutineLabels(ctx)
		region.End()
	}
}

// watchedTask is a kernel's loop whose threads are told for which node they work.
type watchedTask struct {
	*instance
	labelled context.Context
}

func (t watchedTask) Chunk(chunk int) {
	pprof.SetGoroutineLabels(t.labelled)
	t.instance.Chunk(chunk)
	pprof.SetGoroutineLabels(context.Background())
}
