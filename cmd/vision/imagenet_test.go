package main

import (
	"bufio"
	"encoding/json"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/internal/shared"
)

// The command names 200 photos as ONNX Runtime 1.30 does behind Pillow's pixels:
// the same first class but for two at most, its probability within 0.01 in the
// median.
func TestPhotosAgainstONNXRuntime(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds; run without -short")
	}
	for _, c := range []struct{ model, recipe, table string }{
		{"squeezenet1.1", "caffe", "ort_top5_squeezenet1.1.tsv"},
		{"mobilenetv2-12-int8", "imagenet", "ort_top5_mobilenetv2-12-int8.tsv"},
	} {
		t.Run(c.model, func(t *testing.T) {
			want := firstOf(t, shared.Path(t, "imagenet", c.table))
			args := []string{"classify", "--json", "--top", "1", "--model", shared.Path(t, "models", c.model, "model.onnx"), "--recipe", c.recipe}
			if engine.BestCPU() == "purego" { // takes minutes: every tenth
				want = someOf(want)
			}
			for name := range want {
				args = append(args, filepath.Join(shared.Path(t, "imagenet"), name))
			}
			code, out, errOut := vis(args...)
			if code != 0 {
				t.Fatalf("code %d: %s", code, errOut)
			}
			same, differences := 0, []float64{}
			for line := range strings.Lines(out) {
				var r classifyResult
				if err := json.Unmarshal([]byte(line), &r); err != nil || len(r.Predictions) != 1 {
					t.Fatalf("%v: %s", err, line)
				}
				w, ok := want[filepath.Base(r.File)]
				if !ok {
					t.Fatalf("the table has no %s", r.File)
				}
				if r.Predictions[0].Index == w.index {
					same++
				}
				differences = append(differences, math.Abs(r.Predictions[0].Probability-w.probability))
			}
			if len(differences) != len(want) {
				t.Fatalf("%d results for %d photos", len(differences), len(want))
			}
			slices.Sort(differences)
			middle, largest := differences[len(differences)/2], differences[len(differences)-1]
			t.Logf("%d of %d the same; difference of the probability %.2g in the median, %.2g at most", same, len(want), middle, largest)
			if same < len(want)-len(want)/100 || middle > 0.01 {
				t.Errorf("%d of %d photos have the same first class; its probability differs by %g in the median", same, len(want), middle)
			}
		})
	}
}

type firstClass struct {
	index       int
	probability float64
}

// firstOf reads the table's first classes by file: the columns are file, index of
// the truth, then index and probability of the five first.
func firstOf(t *testing.T, path string) map[string]firstClass {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := map[string]firstClass{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		cells := strings.Split(lines.Text(), "\t")
		if strings.HasPrefix(lines.Text(), "#") || len(cells) < 4 || cells[0] == "file" {
			continue
		}
		index, err1 := strconv.Atoi(cells[2])
		p, err2 := strconv.ParseFloat(cells[3], 64)
		if err1 != nil || err2 != nil {
			t.Fatalf("%s: %q", path, lines.Text())
		}
		out[cells[0]] = firstClass{index, p}
	}
	if len(out) != 200 {
		t.Fatalf("%s: %d photos", path, len(out))
	}
	return out
}

// someOf is every tenth photo.
func someOf(all map[string]firstClass) map[string]firstClass {
	out := map[string]firstClass{}
	for i, name := range slices.Sorted(maps.Keys(all)) {
		if i%10 == 0 {
			out[name] = all[name]
		}
	}
	return out
}
