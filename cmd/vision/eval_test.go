package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/visionzoo/vision/assets/label"
	"github.com/visionzoo/vision/classify"
	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/internal/shared"
)

func TestEvalCOCO(t *testing.T) {
	dir := t.TempDir()
	truth, found := filepath.Join(dir, "truth.json"), filepath.Join(dir, "found.json")
	for path, text := range map[string]string{
		truth: `{"images":[{"id":1,"file_name":"dog.jpg","width":768,"height":576}],"categories":[{"id":18,"name":"dog"},{"id":3,"name":"car"}],
			"annotations":[{"id":1,"image_id":1,"category_id":18,"bbox":[133,207,193,336],"area":64848,"iscrowd":0},{"id":2,"image_id":1,"category_id":3,"bbox":[466,78,226,93],"area":21018,"iscrowd":0}]}`,
		found: `[]`,
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	code, out, errOut := vis("eval", "coco", "--annotations", truth, "--predictions", found)
	if code != 0 || strings.Count(out, "\n") != 13 {
		t.Errorf("code %d\n%s%s", code, out, errOut)
	}
	// What vision detect writes is what vision eval reads.
	photo, model := shared.Path(t, "models", "photos", "dog.jpg"), shared.Path(t, "models", "yolox-nano", "model.onnx")
	if code, _, errOut := vis("detect", photo, "--model", model, "--coco", found); code != 0 {
		t.Fatal(errOut)
	}
	code, out, errOut = vis("eval", "coco", "--annotations", truth, "--predictions", found, "--json")
	var got struct {
		Task           string
		AP, AP50, APL  float64
		AR1, AR10, APs float64
		Stats          []float64
	}
	if err := json.Unmarshal([]byte(out), &got); code != 0 || err != nil || got.Task != "bbox" || got.AP != 1 || got.APs != -1 || len(got.Stats) != 12 || got.AR1 != 1 {
		t.Errorf("code %d, %v: %s%s", code, err, out, errOut)
	}
	for _, args := range [][]string{{"eval", "nosuch"}, {"eval", "coco"}, {"eval", "coco", "--annotations", truth}, {"eval", "coco", "--annotations", truth, "--predictions", found, "--type", "hats"}} {
		if code, out, errOut := vis(args...); code != exitUsage || out != "" || strings.Count(errOut, "\n") != 1 {
			t.Errorf("%v: code %d, %q, %q", args, code, out, errOut)
		}
	}
	if code, _, errOut := vis("eval", "coco", "--annotations", found, "--predictions", truth); code != exitFailed || !strings.Contains(errOut, "no COCO annotations") {
		t.Errorf("code %d, %q", code, errOut)
	}
}

// ONNX Runtime's top-1 and top-5 on the same photos are 108 and 163 of 200.
func TestEvalImageNet(t *testing.T) {
	dir, model := shared.Path(t, "imagenet"), shared.Path(t, "models", "squeezenet1.1", "model.onnx")
	code, out, errOut := vis("eval", "imagenet", dir, "--model", model, "--recipe", "caffe", "--json")
	var got struct {
		Pictures, Failed int
		Top1, Top5       float64
	}
	if err := json.Unmarshal([]byte(out), &got); code != 0 || err != nil || got.Pictures != 200 || got.Failed != 0 || got.Top1 != 0.54 || got.Top5 != 0.815 {
		t.Errorf("code %d, %v: %s%s", code, err, out, errOut)
	}
	code, out, _ = vis("eval", "imagenet", dir, "--model", model, "--recipe", "caffe", "--limit", "4")
	if code != 0 || !strings.Contains(out, "on 4 pictures") {
		t.Errorf("code %d: %s", code, out)
	}
}

// What precision costs: the float16 export beside the network that ONNX Runtime
// scores above, and bfloat16 beside the network itself.
func TestEvalImageNetAgainst(t *testing.T) {
	if testing.Short() || engine.BestCPU() == "purego" {
		t.Skip("takes seconds; run without -short, with assembly")
	}
	type score struct {
		Model, Precision string
		Top1, Top5       float64
	}
	type report struct {
		score
		Pictures  int
		Computed  string
		Against   score
		Agreement struct{ Top1, Top5 float64 }
		Outputs   struct{ RMS, Relative, Largest float64 }
	}
	run := func(args ...string) (r report) {
		t.Helper()
		code, out, errOut := vis(append([]string{"eval", "imagenet", shared.Path(t, "imagenet"), "--recipe", "caffe", "--quiet"}, args...)...)
		if err := json.Unmarshal([]byte(out), &r); code != 0 || err != nil {
			t.Fatalf("code %d, %v: %s%s", code, err, out, errOut)
		}
		return r
	}
	single, half := shared.Path(t, "models", "squeezenet1.1", "model.onnx"), shared.Path(t, "models", "squeezenet1.1-fp16", "model.onnx")
	r := run("--model", half, "--against", single, "--json")
	if r.Pictures != 200 || r.Against.Precision != "f32strict" || r.Against.Top1 != 0.54 || r.Against.Top5 != 0.815 {
		t.Errorf("the reference: %+v", r)
	}
	if r.Agreement.Top1 < 0.99 || r.Agreement.Top5 < 0.99 || r.Outputs.Relative == 0 || r.Outputs.Relative > 0.01 || r.Outputs.Largest < r.Outputs.RMS {
		t.Errorf("float16 beside float32: %+v", r)
	}
	r = run("--model", single, "--precision", "bf16", "--limit", "20", "--json")
	if r.Precision != "bf16" || r.Against.Model != r.Model || r.Agreement.Top1 < 0.9 || r.Outputs.Relative > 0.05 {
		t.Errorf("bfloat16 beside float32: %+v", r)
	}
	if fast := engine.FastBF16(); fast != (r.Computed == "bf16") || fast != (r.Outputs.Relative > 1e-4) {
		t.Errorf("computed in %q: %+v", r.Computed, r)
	}
	code, out, _ := vis("eval", "imagenet", shared.Path(t, "imagenet"), "--recipe", "caffe", "--model", single, "--precision", "bf16", "--limit", "4")
	if lines := strings.Split(out, "\n"); code != 0 || len(lines) != 5 || !strings.Contains(lines[1], "bf16") || !strings.Contains(lines[2], "f32strict") ||
		!strings.HasPrefix(lines[3], "the same first class on ") || !strings.Contains(lines[3], "probabilities differ by ") {
		t.Errorf("code %d: %s", code, out)
	}
	if code, _, errOut := vis("eval", "imagenet", shared.Path(t, "imagenet"), "--model", single, "--against", "builtin", "--quiet"); code != exitFailed || !strings.Contains(errOut, "gives 1000 scores, the one it is compared with 10") {
		t.Errorf("code %d: %s", code, errOut)
	}
}

func TestAgreement(t *testing.T) {
	result := func(scores ...float64) classify.Result {
		return classify.Result{Scores: scores, Predictions: classify.Rank(scores, nil, 5)}
	}
	var a agreement
	for _, p := range []compared{
		{got: result(7, 6, 5, 4, 3, 2, 1), want: result(7, 6, 5, 4, 3, 2, 1)},
		{got: result(7, 6, 5, 4, 3, 2, 1), want: result(6, 7, 5, 4, 2, 3, 1)}, // another first, and one of five
	} {
		if err := a.add(p); err != nil {
			t.Fatal(err)
		}
	}
	if top1, top5 := a.shares(); top1 != 0.5 || top5 != 0.9 || a.scores.Largest != 1 || a.scores.Relative() != math.Sqrt(4./280) {
		t.Errorf("%g, %g, %+v", top1, top5, a.scores)
	}
}

func TestClassIndex(t *testing.T) {
	set, err := label.Open("imagenet1k")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		labels *label.Set
		word   string
		want   int
	}{{set, "281", 281}, {set, "n02123045", 281}, {set, "tabby", 281}, {set, "crane", -1}, {set, "1000", -1}, {set, "hat stand", -1},
		{set.WithBackground(), "281", 282}, {set.WithBackground(), "n02123045", 282}, {nil, "7", 7}, {nil, "cat", -1}} {
		got, ok := classIndex(tt.word, tt.labels)
		if !ok {
			got = -1
		}
		if got != tt.want {
			t.Errorf("%s: %d, want %d", tt.word, got, tt.want)
		}
	}
}

func TestFindLabelled(t *testing.T) {
	set, err := label.Open("imagenet1k")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("n02123045/a.jpg", "x")
	write("b/n01443537_2.png", "x")
	write("b/readme.txt", "x")
	got, err := findLabelled(dir, "", set)
	if err != nil || len(got) != 2 || got[0].class != 1 || got[1].class != 281 {
		t.Errorf("%v, %v", got, err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Log(err)
	} else if got, err := findLabelled(link, "", set); err != nil || len(got) != 2 {
		t.Errorf("by a link: %v, %v", got, err)
	}
	write("c.jfif", "x")
	if _, err := findLabelled(dir, "", set); err == nil || !strings.Contains(err.Error(), "--labels") {
		t.Errorf("a picture that nothing labels: %v", err)
	}
	write("val.txt", "n02123045/a.jpg 3\nc.jpg n02123045\n")
	got, err = findLabelled(dir, filepath.Join(dir, "val.txt"), set)
	if err != nil || len(got) != 2 || got[0].class != 3 || got[1].class != 281 {
		t.Errorf("%v, %v", got, err)
	}
	write("val.txt", "\ufeffc.jpg 1\r\nb\\d.jpg 3\r\n") // as Windows writes a text
	if got, err := findLabelled(dir, filepath.Join(dir, "val.txt"), set); err != nil || len(got) != 2 || got[0] != (labelled{filepath.Join(dir, "c.jpg"), 1}) || got[1].class != 3 {
		t.Errorf("%v, %v", got, err)
	}
	write("val.txt", "c.jpg 1\n../../etc/passwd 3\n")
	if _, err := findLabelled(dir, filepath.Join(dir, "val.txt"), set); err == nil {
		t.Error("a file outside of the folder was taken")
	}
	write("val.txt", "file class\nc.jfif 1\n")
	if got, err := findLabelled(dir, filepath.Join(dir, "val.txt"), set); err != nil || len(got) != 1 {
		t.Errorf("a header: %v, %v", got, err)
	}
	write("val.txt", "c.jfif cat\nc.jfif 1\n")
	if _, err := findLabelled(dir, filepath.Join(dir, "val.txt"), set); err == nil || !strings.Contains(err.Error(), `line 1: "c.jfif cat" names no class`) {
		t.Errorf("a class that is none in the first line: %v", err)
	}
	write("val.txt", "c.jpg 1\nc.jpg cat\n")
	if _, err := findLabelled(dir, filepath.Join(dir, "val.txt"), set); err == nil || !strings.Contains(err.Error(), `line 2: "c.jpg cat" names no class`) {
		t.Errorf("a class that is none: %v", err)
	}
}
