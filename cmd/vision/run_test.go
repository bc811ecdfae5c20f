package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/tensor"
)

// TestSummary: a summary of many numbers takes little memory and counts each.
func TestSummary(t *testing.T) {
	x := tensor.New(tensor.Float32, 3, 1001)
	for i, d := 0, tensor.Data[float32](x); i < len(d); i++ {
		d[i] = float32(i)
	}
	tensor.Data[float32](x)[1500], tensor.Data[float32](x)[2999] = float32(math.NaN()), float32(math.Inf(1))
	s := summarise("x", x)
	if *s.Min != 0 || *s.Max != 3002 || *s.Mean != (3002*3003/2-1500-2999)/3001. || s.NaN != 1 || s.Inf != 1 {
		t.Errorf("%+v: min %g, max %g, mean %g", s, *s.Min, *s.Max, *s.Mean)
	}
	if s := summarise("none", tensor.New(tensor.Int64, 0, 3)); s.Min != nil {
		t.Errorf("a minimum of nothing: %g", *s.Min)
	}
	var before, after runtime.MemStats
	large := tensor.New(tensor.Int8, 1<<20)
	runtime.ReadMemStats(&before)
	summarise("large", large)
	if runtime.ReadMemStats(&after); after.TotalAlloc-before.TotalAlloc > 1<<20 {
		t.Errorf("a summary of 1 MiB takes %d bytes", after.TotalAlloc-before.TotalAlloc)
	}
}

// TestSummaryEnds: a sequence of millions of tensors is printed until the user has enough.
func TestSummaryEnds(t *testing.T) {
	set := flag.NewFlagSet("", flag.ContinueOnError)
	set.Bool("json", false, "")
	var out bytes.Buffer
	c := cli.NewContext(newApp(nil, &out, &out), set, nil)
	ctx, cancel := context.WithCancel(t.Context())
	c.Context = ctx
	if err := printSummary(c, "x", tensor.New(tensor.Int8, 2)); err != nil || out.Len() == 0 {
		t.Errorf("%q, %v", out.String(), err)
	}
	out.Reset()
	cancel()
	if err := printSummary(c, "x", tensor.New(tensor.Int8, 2)); !errors.Is(err, context.Canceled) || out.Len() > 0 {
		t.Errorf("%q, %v", out.String(), err)
	}
}

// TestHugeData: of a file that is no tensor little is read, whatever its size.
func TestHugeData(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs a file system with holes; run it on Linux")
	}
	t.Setenv("VISION_MEMORY_LIMIT", "1TiB") // which the file is not over
	for name, want := range map[string]string{"x.npy": "not a .npy file", "x.pb": "at most"} {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(file, 100<<30); err != nil {
			t.Skip("no room for a file with a hole; let TMPDIR name a folder on a file system that has holes: ", err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		_, err := readData(ctx, file, engine.Info{})
		cancel()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
		if runtime.ReadMemStats(&after); after.TotalAlloc-before.TotalAlloc > 1<<20 {
			t.Errorf("%s took %d bytes", name, after.TotalAlloc-before.TotalAlloc)
		}
	}
}
