package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// ncnnNetworks are the networks that ncnn's benchncnn brings, without weights,
// which are the same as torchvision's; in brackets what differs.
var ncnnNetworks = map[string]struct{ name, differs string }{
	"squeezenet1_1":   {"squeezenet", " (227x227)"},
	"mobilenet_v2":    {"mobilenet_v2", ""},
	"resnet18":        {"resnet18", ""},
	"resnet50":        {"resnet50", ""},
	"vgg16":           {"vgg16", ""},
	"googlenet":       {"googlenet", ""},
	"efficientnet_b0": {"efficientnet_b0", ""},
}

// ncnnTime is a line of benchncnn, in milliseconds.
type ncnnTime struct{ least, most, average float64 }

// ncnnTimes are what benchncnn printed, by the number of threads and the network.
// It knows its own networks only and runs all of them at each call, so that it
// is called once for each number of threads.
type ncnnTimes map[int]map[string]ncnnTime

// ncnnLoops is how often benchncnn runs each network for its average.
const ncnnLoops = 20

// row is benchncnn's for a model: its average where others have the median.
func (all ncnnTimes) row(ctx context.Context, program string, base row) row {
	base.Engine = "ncnn"
	known, ok := ncnnNetworks[base.Model]
	switch {
	case !ok:
		base.Error = "benchncnn has no such network"
	case base.Batch != 1 || base.Height != 0:
		base.Error = "benchncnn has sizes of its own"
	}
	if base.Error != "" {
		return base
	}
	base.Engine += known.differs
	times, ok := all[base.Threads]
	if !ok {
		var err error
		if times, err = runNcnn(ctx, program, base.Threads); err != nil {
			base.Error = err.Error()
			return base
		}
		all[base.Threads] = times
	}
	t, ok := times[known.name]
	if !ok {
		base.Error = "benchncnn printed nothing about " + known.name
		return base
	}
	base.Median, base.Best = t.average, t.least
	return base
}

// runNcnn calls benchncnn: loops, threads, all processors, no graphics
// processor, no pauses. Its networks are files beside it.
func runNcnn(ctx context.Context, program string, threads int) (map[string]ncnnTime, error) {
	path, err := filepath.Abs(program)
	if err != nil {
		return nil, err
	}
	c := exec.CommandContext(ctx, path, strconv.Itoa(ncnnLoops), strconv.Itoa(threads), "0", "-1", "0")
	c.Dir = filepath.Dir(path)
	text, err := c.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", program, err)
	}
	times := parseNcnn(string(text))
	if len(times) == 0 {
		return nil, fmt.Errorf("%s printed no times; the .param files of its networks belong beside it", program)
	}
	return times, nil
}

var ncnnLine = regexp.MustCompile(`(?m)^\s*(\S+)\s+min =\s*([\d.]+)\s+max =\s*([\d.]+)\s+avg =\s*([\d.]+)\s*$`)

// parseNcnn reads lines like
//
//	resnet50  min =   64.06  max =   64.82  avg =   64.24
func parseNcnn(text string) map[string]ncnnTime {
	times := map[string]ncnnTime{}
	for _, m := range ncnnLine.FindAllStringSubmatch(text, -1) {
		var t ncnnTime
		ok := true
		for i, into := range []*float64{&t.least, &t.most, &t.average} {
			n, err := strconv.ParseFloat(m[2+i], 64)
			*into, ok = n, ok && err == nil && n > 0
		}
		if ok {
			times[m[1]] = t
		}
	}
	return times
}
