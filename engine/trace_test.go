package engine_test

import (
	"bytes"
	"context"
	"runtime/pprof"
	"runtime/trace"
	"strings"
	"testing"

	"github.com/visionzoo/vision/assets"
	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/tensor"
)

// TestTraceCounts: the events of a run add up to the work of the model, in plans and
// where nodes run one by one, and the profiler knows the node meanwhile.
func TestTraceCounts(t *testing.T) {
	var events []engine.Event
	var labels bytes.Buffer
	opt := engine.Trace(func(e engine.Event) {
		if events = append(events, e); !strings.Contains(labels.String(), "labels") {
			labels.Reset()
			if err := pprof.Lookup("goroutine").WriteTo(&labels, 1); err != nil {
				t.Error(err)
			}
		}
	})
	for name, r := range traced(t, opt) {
		events = nil
		if _, err := r.s.Run(context.Background(), r.in); err != nil {
			t.Fatal(err)
		}
		var flops float64
		for _, e := range events {
			flops += e.FLOPs
			if e.FLOPs > 0 && e.Bytes == 0 {
				t.Errorf("%s: %+v", name, e)
			}
		}
		// Dimensions that only a run knows count as 1 in Cost.
		if want := r.s.Cost().FLOPs; want == 0 || flops < want*(1-1e-6) || name == "planned" && flops > want*(1+1e-6) {
			t.Errorf("%s: %v FLOPs in events, %v in the model", name, flops, want)
		}
	}
	if !strings.Contains(labels.String(), `"node":`) {
		t.Errorf("no label: %s", labels.String())
	}
}

// TestRuntimeTrace: the runtime's own trace names nodes, of runs that no function
// watches.
func TestRuntimeTrace(t *testing.T) {
	if trace.IsEnabled() {
		t.Skip("the tests themselves are traced; run without -trace")
	}
	s, err := engine.OpenBytes(assets.Model())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var out bytes.Buffer
	if err := trace.Start(&out); err != nil {
		t.Fatal(err)
	}
	_, err = s.Run(context.Background(), engine.Values{"picture": tensor.New(tensor.Float32, 1, 3, 32, 32)})
	trace.Stop()
	if err != nil {
		t.Fatal(err)
	}
	if node := s.Optimised().Nodes[0].String(); !bytes.Contains(out.Bytes(), []byte(node)) {
		t.Errorf("the trace does not name %s", node)
	}
}
