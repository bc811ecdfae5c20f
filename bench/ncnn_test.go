package main

import (
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// What benchncnn prints, with the lines of a graphics processor before and one
// network whose file was missing.
const ncnnSample = `[0 Adreno (TM) 640]  queueC=0[3]  queueG=0[3]  queueT=0[3]
loop_count = 8
num_threads = 1
powersave = 2
gpu_device = -1
cooling_down = 1
          squeezenet  min =   18.12  max =   18.30  avg =   18.22
     squeezenet_int8  min =   27.24  max =   27.37  avg =   27.30
fopen mobilenet.param failed
           mobilenet  min =    0.00  max =    0.00  avg =    0.00
               vgg16  min = 1019.35  max = 1022.75  avg = 1021.26
            resnet50  min =  145.12  max =  145.78  avg =  145.38  
`

func TestParseNcnn(t *testing.T) {
	want := map[string]ncnnTime{
		"squeezenet":      {18.12, 18.30, 18.22},
		"squeezenet_int8": {27.24, 27.37, 27.30},
		"vgg16":           {1019.35, 1022.75, 1021.26},
		"resnet50":        {145.12, 145.78, 145.38},
	}
	if got := parseNcnn(ncnnSample); !maps.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

// A program in benchncnn's place gets the documented arguments, in its own
// folder, and is called once for all networks of one number of threads.
func TestNcnnRow(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the program in benchncnn's place is a shell script; run where there is /bin/sh")
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "benchncnn")
	script := "#!/bin/sh\necho \"$@\" >> called\ncat sample >&2\n"
	if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "sample"), []byte(ncnnSample), 0o644); err != nil {
		t.Fatal(err)
	}
	all := ncnnTimes{}
	for _, test := range []struct {
		model string
		batch int
		want  row
	}{
		{"resnet50", 1, row{Engine: "ncnn", Median: 145.38, Best: 145.12}},
		{"squeezenet1_1", 1, row{Engine: "ncnn (227x227)", Median: 18.22, Best: 18.12}},
		{"mobilenet_v2", 1, row{Engine: "ncnn", Error: "benchncnn printed nothing about mobilenet_v2"}},
		{"densenet121", 1, row{Engine: "ncnn", Error: "benchncnn has no such network"}},
		{"resnet50", 8, row{Engine: "ncnn", Error: "benchncnn has sizes of its own"}},
	} {
		base := row{Model: test.model, Threads: 2, Batch: test.batch}
		test.want.Model, test.want.Threads, test.want.Batch = base.Model, base.Threads, base.Batch
		if got := all.row(t.Context(), program, base); got != test.want {
			t.Errorf("got %+v\nwant %+v", got, test.want)
		}
	}
	if got, err := os.ReadFile(filepath.Join(dir, "called")); string(got) != "20 2 0 -1 0\n" {
		t.Errorf("called with %q (%v)", got, err)
	}
}
