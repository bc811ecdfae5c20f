package label

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/visionzoo/vision/assets"
)

const backgroundSuffix = "+background"

// sets are the embedded label sets.
//
// coco80 is the order that YOLO and Ultralytics use (0..79); with "+background" it
// is that of maskrcnn-benchmark and of Detectron's contiguous ids (1..80). coco91
// is by COCO category id (1..90, with eleven holes below 92), as TensorFlow's
// object detection API gives it. A wrong choice shows as "stop sign" becoming
// "parking meter".
var sets = map[string]func() (*Set, error){
	"imagenet1k":   file("imagenet1k.tsv"),
	"coco80":       file("coco80.txt"),
	"coco91":       coco91,
	"voc20":        file("voc20.txt"),
	"cityscapes19": file("cityscapes19.txt"),
	"cifar10":      file("cifar10.txt"),
	"mnist":        file("mnist.txt"),
	"ferplus":      file("ferplus.txt"),
	"adience8":     file("adience8.txt"),
}

// Names lists the embedded label sets in alphabetical order. Open also accepts each
// with "+background" appended.
func Names() []string {
	names := make([]string, 0, len(sets))
	for n := range sets {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

var opened sync.Map // name → *Set

// Open returns a label set by its name: "imagenet1k", "coco80+background". The
// error for an unknown name wraps ErrUnknown and lists the names.
func Open(name string) (*Set, error) {
	if s, ok := opened.Load(name); ok {
		return s.(*Set), nil
	}
	base, background := strings.CutSuffix(name, backgroundSuffix)
	read, ok := sets[base]
	if !ok {
		return nil, fmt.Errorf("label set %q: %w; there are %s", name, ErrUnknown, strings.Join(Names(), ", "))
	}
	s, err := read()
	if err != nil {
		return nil, fmt.Errorf("BUG: embedded %w", err)
	}
	if background {
		s = s.WithBackground()
	}
	kept, _ := opened.LoadOrStore(name, s)
	return kept.(*Set), nil
}

func file(name string) func() (*Set, error) {
	return func() (*Set, error) {
		data, err := fs.ReadFile(assets.Labels(), name)
		if err != nil {
			return nil, err
		}
		set := strings.TrimSuffix(strings.TrimSuffix(name, ".txt"), ".tsv")
		return Read(set, bytes.NewReader(data))
	}
}

// coco91 reads the table of category ids: id, index among the 80 or "-", name or
// "-" for a hole, and the name of the hole in the paper, which was never used.
func coco91() (*Set, error) {
	data, err := fs.ReadFile(assets.Labels(), "coco91.txt")
	if err != nil {
		return nil, err
	}
	names := []string{""} // there is no category 0
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "# ") {
			continue
		}
		fields := strings.Split(lines.Text(), "\t")
		if len(fields) < 3 || fields[0] != strconv.Itoa(len(names)) {
			return nil, fmt.Errorf("label set %q: line %q: id %d is due", "coco91", lines.Text(), len(names))
		}
		if fields[2] == "-" {
			fields[2] = ""
		}
		names = append(names, fields[2])
	}
	return New("coco91", names...), nil
}
