package engine_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/visionzoo/vision/engine"
)

// BenchmarkNetworks times one run of each exported network: see TestNetworks.
func BenchmarkNetworks(b *testing.B) {
	dir := os.Getenv("VISION_EXPORTS")
	if dir == "" {
		b.Skip("VISION_EXPORTS names no folder of exported networks; export_models.py makes one")
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.onnx"))
	only := os.Getenv("VISION_CASES")
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".onnx")
		if only != "" && !strings.Contains(","+only+",", ","+name+",") {
			continue
		}
		for _, threads := range []int{1, 2} {
			b.Run(name+"/"+string(rune('0'+threads)), func(b *testing.B) {
				s, err := engine.Open(file, engine.Threads(threads))
				if err != nil {
					b.Fatal(err)
				}
				defer s.Close()
				golden := readNpz(b, filepath.Join(dir, name+".npz"))
				in, out := engine.Values{}, engine.Values{}
				for _, i := range s.Inputs() {
					in[i.Name] = golden[i.Name]
				}
				for _, o := range s.Outputs() {
					out[o.Name] = golden[o.Name].Clone()
				}
				if err := s.RunInto(context.Background(), in, out); err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				for b.Loop() {
					if err := s.RunInto(context.Background(), in, out); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
