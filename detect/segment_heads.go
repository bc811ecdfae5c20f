package detect

import (
	"fmt"
	"slices"
	"strings"
)

// background is the name of the class for what belongs to no object.
const background = "background"

// mapHead reads the output of one family of segmenters as a grid of scores
// [classes, h, w] over the network's input, or of classes [1, h, w].
type mapHead struct {
	name   string
	also   []string
	decode func(f *frame) (array, error)
	match  func(o outputs) bool
}

var mapHeads = []mapHead{
	{name: "duc", decode: decodeDUC, match: matchDUC},
	{name: "fcn", also: []string{"deeplab", "deeplabv3", "lraspp", "segformer", "unet", "semantic"}, decode: decodeFCN, match: matchFCN},
}

// SegmentHeads lists the heads of networks that give a map of classes.
func SegmentHeads() []string {
	names := make([]string, len(mapHeads))
	for i := range mapHeads {
		names[i] = mapHeads[i].name
	}
	slices.Sort(names)
	return names
}

// mapHeadNamed finds a head by its name or another that people use for it.
func mapHeadNamed(name string) (*mapHead, bool) {
	plain := foldHead(name)
	for i := range mapHeads {
		if mapHeads[i].name == plain || slices.Contains(mapHeads[i].also, plain) {
			return &mapHeads[i], true
		}
	}
	return nil, false
}

// findMapHead is mapHeadNamed with an error that says what there is.
func findMapHead(name string) (*mapHead, error) {
	if h, ok := mapHeadNamed(name); ok {
		return h, nil
	}
	if _, ok := headNamed(name); ok {
		return nil, fmt.Errorf("head %q gives objects, not a map of classes; use vision detect", name)
	}
	return nil, fmt.Errorf("there is no head %.40q for maps; heads are %s", name, strings.Join(SegmentHeads(), ", "))
}

// recogniseMap finds a head by the outputs.
func recogniseMap(o outputs) (*mapHead, bool) {
	for i := range mapHeads {
		if mapHeads[i].match(o) {
			return &mapHeads[i], true
		}
	}
	return nil, false
}

// guessMapHead is recogniseMap with an error that says what the outputs are instead.
func guessMapHead(o outputs) (*mapHead, error) {
	if h, ok := recogniseMap(o); ok {
		return h, nil
	}
	if _, ok := recognise(o); ok {
		return nil, fmt.Errorf("the model gives objects, not a map of classes; use vision detect")
	}
	if o.areScores() {
		return nil, fmt.Errorf("the model gives a score for each class (%s), not a map of classes; use vision classify", describe(o.all))
	}
	return nil, fmt.Errorf("the model's outputs are not a map of classes (%s); name a head (--head, detect.Head): %s", describe(o.all), strings.Join(SegmentHeads(), ", "))
}

// decodeFCN reads the output "out", or the first: scores [1, C, h, w] of any size,
// or classes [1, h, w] as whole numbers. It serves FCN, DeepLab, LR-ASPP and most
// others.
func decodeFCN(f *frame) (array, error) {
	if len(f.out) == 0 {
		return array{}, fmt.Errorf("no output")
	}
	a, ok := f.byName("out")
	if !ok {
		a = f.out[0]
	}
	a = a.squeeze(3)
	if len(a.shape) == 2 {
		a.shape = []int{1, a.shape[0], a.shape[1]}
	}
	if len(a.shape) != 3 {
		return array{}, fmt.Errorf("output %q is %v; the head needs scores [classes h w]", a.name, a.shape)
	}
	return a, nil
}

// decodeDUC reads [1, 19, 4*4*h*w], h and w an eighth of the input's sides: dense
// upsampling convolution gives for each cell 4 x 4 of its own, which are put in
// their places. Wang et al. 2018, "Understanding Convolution for Semantic
// Segmentation".
func decodeDUC(f *frame) (array, error) {
	if len(f.out) == 0 {
		return array{}, fmt.Errorf("no output")
	}
	const each = 4
	a := f.out[0].squeeze(2)
	h, w := f.g.InputHeight/8, f.g.InputWidth/8
	if len(a.shape) != 2 || h*w == 0 || a.shape[1] != each*each*h*w {
		return array{}, fmt.Errorf("output %q is %v; an input of %dx%d needs rows of %d", a.name, a.shape, f.g.InputWidth, f.g.InputHeight, each*each*h*w)
	}
	out := array{name: a.name, dtype: a.dtype, shape: []int{a.shape[0], h * each, w * each}, data: make([]float32, len(a.data))}
	for c := range a.shape[0] {
		from, to := a.row(c), out.data[c*a.shape[1]:]
		for dy := range each {
			for dx := range each {
				part := from[(dy*each+dx)*h*w:]
				for y := range h {
					for x := range w {
						to[(y*each+dy)*w*each+x*each+dx] = part[y*w+x]
					}
				}
			}
		}
	}
	return out, nil
}

func matchDUC(o outputs) bool {
	if len(o.all) != 1 || o.width == 0 {
		return false
	}
	d := dims(o.all[0])
	return len(d) == 3 && d[2] == 16*(o.width/8)*(o.height/8)
}

// matchFCN: a map of more than one class, or of whole numbers.
func matchFCN(o outputs) bool {
	if len(o.all) == 0 || len(o.all) > 2 {
		return false
	}
	d := dims(o.all[0])
	if len(d) == 4 && (o.all[0].Name == "out" || d[2] != 1 && d[3] != 1 && d[1] != 1 && d[1] != 3) {
		return true
	}
	whole := array{dtype: o.all[0].DType}.integer()
	return whole && (len(d) == 3 || len(d) == 4 && d[1] == 1)
}
