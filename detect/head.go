package detect

import (
	"fmt"
	"strings"

	"github.com/visionzoo/vision/assets/label"
	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/vision"
)

// head reads the outputs of one family of networks.
type head struct {
	name   string
	family string // for people
	also   []string
	// decode makes candidates; f.score is the lowest score that matters, a head
	// may leave out what is below.
	decode func(f *frame) (found, error)
	// match recognises the outputs of a network by names and declared shapes.
	match func(o outputs) bool

	suppress bool    // whether the network left overlapping boxes in
	score    float64 // default thresholds
	iou      float64
	classes  []string // where the family has but one kind of object
	bones    [][2]int
}

// heads are all there are. The order is that of recognition: the special before
// the general.
var heads = []head{
	{name: "yunet", family: "YuNet, faces with five landmarks", decode: decodeYuNet, match: matchYuNet, suppress: true, score: 0.7, iou: 0.3, classes: []string{"face"}},
	{name: "nanodet", family: "NanoDet", decode: decodeNanoDet, match: matchNanoDet, suppress: true, score: 0.3, iou: 0.5},
	{name: "ultraface", family: "UltraFace", decode: decodeUltraFace, match: matchUltraFace, suppress: true, score: 0.7, iou: 0.5, classes: []string{label.Background, "face"}},
	{name: "yolox", family: "YOLOX", decode: decodeYOLOX, match: matchYOLOX, suppress: true, score: 0.3, iou: 0.45},
}

// frame is what a head works on: one picture's outputs and how the picture lay in
// the network's input.
type frame struct {
	out    []array
	g      vision.Geometry
	score  float64
	labels *label.Set
	meta   map[string]string
}

// found is what a head made of the outputs.
type found struct {
	candidates []candidate
	original   bool // boxes and points are in the original's pixels, not in the input's
	// mask makes the mask of candidate c, whose box in the original's pixels, not
	// yet cut to the picture, is b; nil where there are none.
	mask func(c candidate, b Box) (*Mask, error)
}

// candidate is an object that may be dropped yet.
type candidate struct {
	box    Box
	score  float64
	class  int
	row    int // for the head's own use
	points []Keypoint
}

// byName returns the output of a name, and whether there is one.
func (f *frame) byName(name string) (array, bool) {
	for _, a := range f.out {
		if a.name == name {
			return a, true
		}
	}
	return array{}, false
}

// findHead finds a head by its name or another that people use for it.
func findHead(name string) (*head, error) {
	plain := strings.NewReplacer("-", "", "_", "", ".", "", " ", "").Replace(strings.ToLower(name))
	for i := range heads {
		if heads[i].name == plain {
			return &heads[i], nil
		}
		for _, other := range heads[i].also {
			if other == plain {
				return &heads[i], nil
			}
		}
	}
	if _, ok := segmentHead(plain); ok {
		return nil, fmt.Errorf("head %q gives a map of classes, not objects; use vision segment", name)
	}
	return nil, fmt.Errorf("there is no head %.40q; heads are %s", name, strings.Join(Heads(), ", "))
}

// outputs are a network's outputs as it declares them, for recognition.
type outputs struct {
	all  []engine.Info
	meta map[string]string
}

func (o outputs) has(names ...string) bool {
	for _, n := range names {
		if o.at(n) == nil {
			return false
		}
	}
	return true
}

func (o outputs) at(name string) *engine.Info {
	for i := range o.all {
		if o.all[i].Name == name {
			return &o.all[i]
		}
	}
	return nil
}

// dims are an output's dimensions; -1 where one is free.
func dims(i engine.Info) []int {
	d := make([]int, len(i.Shape.Dims))
	for k, v := range i.Shape.Dims {
		d[k] = -1
		if v.N > 0 {
			d[k] = v.N
		}
	}
	return d
}

// guessHead recognises a head by the outputs.
func guessHead(all []engine.Info, meta map[string]string) (*head, error) {
	o := outputs{all, meta}
	for i := range heads {
		if heads[i].match != nil && heads[i].match(o) {
			return &heads[i], nil
		}
	}
	if _, ok := guessSegment(o); ok {
		return nil, fmt.Errorf("the model gives a map of classes, not objects; use vision segment")
	}
	return nil, fmt.Errorf("no head recognises the model's outputs (%s); name one with --head: %s", describe(all), strings.Join(Heads(), ", "))
}

// describe is a few outputs on one line.
func describe(all []engine.Info) string {
	var b strings.Builder
	for i, o := range all {
		if i == 4 {
			fmt.Fprintf(&b, ", and %d more", len(all)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%.40q %v", o.Name, o.Fact)
	}
	return b.String()
}
