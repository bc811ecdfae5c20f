// Package detect finds objects in pictures: it runs a detector and turns its outputs
// into objects with label, score, box and, if the network has them, mask and
// keypoints, in pixels of the upright original picture.
//
//	m, err := zoo.Load("yolox-nano")
//	if err != nil { … }
//	defer m.Close()
//	img, err := vision.Open("street.jpg")
//	objects, err := detect.Image(m, img, detect.Score(0.5)) // the highest score first
//	fmt.Println(objects[0].Label, objects[0].Box)
//
// Segment labels each pixel. New and NewSegmenter prepare a model once for many
// pictures. NMS, Mask and EvaluateCOCO are of use alone.
//
// The code that reads the outputs of one family of networks is called a head. The
// caller may name it (Head); else the model's card does, or it is recognised by the
// names and shapes of the outputs.
package detect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/visionzoo/vision/assets/label"
	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/nearest"
	"github.com/visionzoo/vision/vision"
)

// Model is what a detector needs: a network, an encoder that feeds it pictures, and
// the labels of its classes (nil: classes are shown by number). A *zoo.Model is
// one; its card names the head.
type Model interface {
	Session() *engine.Session
	Encoder() *vision.Encoder
	Labels() *label.Set
}

// Object is one thing that was found. Its JSON is that of vision detect --json, which
// rounds scores to five digits and pixels to three.
type Object struct {
	Class     int        `json:"class"`          // index in the model's label set
	Label     string     `json:"label"`          // its name, "class 12" if that is not known
	Score     float64    `json:"score"`          // 0 to 1
	Box       Box        `json:"box"`            // pixels of the original, inside the picture
	Mask      *Mask      `json:"mask,omitempty"` // nil if the network has none
	Keypoints []Keypoint `json:"keypoints,omitempty"`
	// Corners are the four corners x, y of a box at an angle, in the order of Ultralytics'
	// xyxyxyxy; they may lie outside the picture. Box is their bounds. nil if the network
	// gives upright boxes.
	Corners [][2]float64 `json:"corners,omitempty"`
}

// Keypoint is a point of an object in pixels of the original. Score is the
// network's own measure; a point without one has 1.
type Keypoint = vision.Keypoint

// options are what the caller asks for; -1 and nil mean the head's default.
type options struct {
	head    string
	score   float64
	iou     float64
	max     int
	classes []string
	soft    float64
	whole   bool
}

// Option changes how outputs are read or what is kept.
type Option func(*options)

// Head names the head that reads the outputs; Heads lists the names.
func Head(name string) Option { return func(o *options) { o.head = name } }

// Score keeps objects of at least this score, 0 to 1. The default is the head's: 0.3
// for most, 0.5 for those that torchvision and Detectron train, 0.7 for faces.
func Score(s float64) Option { return func(o *options) { o.score = s } }

// IoU sets how much two boxes of a class may overlap before the one with the lower
// score is dropped, 0 to 1. If the network has suppressed overlapping boxes itself,
// the head suppresses nothing unless this is set.
func IoU(t float64) Option { return func(o *options) { o.iou = t } }

// Max bounds the number of objects, at least 1; the default is 100.
func Max(n int) Option { return func(o *options) { o.max = n } }

// Classes keeps only objects of these classes, given by their names in the label
// set or by their indices in digits.
func Classes(names ...string) Option { return func(o *options) { o.classes = names } }

// Soft multiplies the scores of overlapping boxes by exp(-iou²/sigma) instead of
// dropping them (Bodla et al. 2017); 0.5 is the paper's sigma.
func Soft(sigma float64) Option { return func(o *options) { o.soft = sigma } }

// ClassAgnostic lets boxes of different classes suppress one another.
func ClassAgnostic() Option { return func(o *options) { o.whole = true } }

// newOptions applies the caller's options to the defaults.
func newOptions(opts []Option) (options, error) {
	o := options{score: -1, iou: -1, max: 100}
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	return o, o.check()
}

// check refuses options that are out of range.
func (o *options) check() error {
	unit := func(v float64) bool { return v >= 0 && v <= 1 }
	switch {
	case o.score != -1 && !unit(o.score):
		return fmt.Errorf("score %v: must be 0 to 1", o.score)
	case o.iou != -1 && !unit(o.iou):
		return fmt.Errorf("iou %v: must be 0 to 1", o.iou)
	case o.max < 1 || o.max > maxCandidates:
		return fmt.Errorf("max %d: must be 1 to %d objects", o.max, maxCandidates)
	case !(o.soft >= 0 && o.soft < 1e6):
		return fmt.Errorf("soft %v: sigma must be positive", o.soft)
	}
	return nil
}

// Detector is a model with the head that reads its outputs. It is safe for
// concurrent use.
type Detector struct {
	network
	opts  options
	head  *head
	guess string
	keep  map[int]bool // classes; nil: all
	meta  map[string]string
}

// New chooses the head for a model. The error for an unknown head, or for outputs
// that no head recognises, lists the heads there are.
func New(m Model, opts ...Option) (*Detector, error) {
	o, err := newOptions(opts)
	if err != nil {
		return nil, err
	}
	n, cardHead, err := newNetwork(m)
	if err != nil {
		return nil, err
	}
	d := &Detector{network: n, opts: o, meta: m.Session().Metadata()}
	if name := cmp.Or(o.head, cardHead); name != "" {
		d.head, err = findHead(name)
	} else if d.head, err = guessHead(n.outputs()); err == nil {
		d.guess = fmt.Sprintf("the outputs look like those of %s; to set the head, give --head", d.head.family)
	}
	if err != nil {
		return nil, err
	}
	return d, d.prepare()
}

// prepare checks the options that concern the head and the labels.
func (d *Detector) prepare() (err error) {
	if d.opts.soft > 0 && d.task() == taskAngled {
		return errors.New("boxes at an angle cannot be suppressed softly (--soft, detect.Soft)")
	}
	if len(d.opts.classes) > 0 {
		d.keep, err = chosen(d.opts.classes, d.labels())
	}
	return err
}

// task is what the outputs hold beyond boxes: as the head says, else the metadata.
func (d *Detector) task() string { return cmp.Or(d.head.task, d.meta["task"]) }

var errNotMade = errors.New("the detector was not made; detect.New makes one")

// HeadName is the name of the head in use.
func (d *Detector) HeadName() string { return d.made().name }

// made is the head, an empty one in a detector that New has not made.
func (d *Detector) made() *head {
	if d == nil || d.head == nil {
		return &head{}
	}
	return d.head
}

// Guess is one line for people that says which head was guessed from the outputs;
// "" if the card or the caller named it.
func (d *Detector) Guess() string { return d.guess }

// labels is the model's label set, or the head's own if the model has none.
func (d *Detector) labels() *label.Set {
	if d.model == nil {
		return nil
	}
	if l := d.model.Labels(); l != nil || d.head.classes == nil {
		return l
	}
	return label.New(d.head.name, d.head.classes...)
}

// Image finds the objects in a picture, the highest score first; equal scores stay
// in the network's order. A picture without objects gives an empty list. The picture
// is not changed. For many pictures, call New once.
func Image(m Model, img *vision.Image, opts ...Option) ([]Object, error) {
	return ImageContext(context.Background(), m, img, opts...)
}

// ImageContext is Image with a context.
func ImageContext(ctx context.Context, m Model, img *vision.Image, opts ...Option) ([]Object, error) {
	d, err := New(m, opts...)
	if err != nil {
		return nil, err
	}
	return d.Image(ctx, img)
}

// Image finds the objects in a picture, as the function Image does.
func (d *Detector) Image(ctx context.Context, img *vision.Image) ([]Object, error) {
	if d == nil || d.head == nil {
		return nil, errNotMade
	}
	x, g, err := d.model.Encoder().EncodeContext(ctx, img)
	if err != nil {
		return nil, err
	}
	return d.Tensor(ctx, x, g)
}

// Tensor is Image for a picture that the model's encoder has already encoded; g is
// the geometry that the encoder returned.
func (d *Detector) Tensor(ctx context.Context, x *tensor.Tensor, g vision.Geometry) ([]Object, error) {
	if d == nil || d.head == nil {
		return nil, errNotMade
	}
	out, err := d.run(ctx, x, g)
	if err != nil {
		return nil, err
	}
	return d.objects(out, g)
}

// Decode reads the outputs for one picture with the head of the given name, one of
// Heads, as Image does after the network has run; g says where the picture lay in
// the network's input. labels may be nil.
func Decode(headName string, out []Output, g vision.Geometry, labels *label.Set, opts ...Option) ([]Object, error) {
	o, err := newOptions(opts)
	if err != nil {
		return nil, err
	}
	h, err := findHead(headName)
	if err != nil {
		return nil, err
	}
	d := &Detector{network: network{model: plainLabels{labels}}, opts: o, head: h}
	if err := d.prepare(); err != nil {
		return nil, err
	}
	return d.objects(out, g)
}

// plainLabels is a model of which only the labels are used.
type plainLabels struct{ set *label.Set }

func (plainLabels) Session() *engine.Session { return nil }
func (plainLabels) Encoder() *vision.Encoder { return nil }
func (p plainLabels) Labels() *label.Set     { return p.set }

// chosen turns names and indices into the set of class indices.
func chosen(names []string, labels *label.Set) (map[int]bool, error) {
	keep := map[int]bool{}
	for _, n := range names {
		found := false
		if labels != nil {
			for _, l := range labels.Find(n) {
				keep[l.Index], found = true, true
			}
		}
		if found {
			continue
		}
		var i int
		if k, err := fmt.Sscanf(n, "%d", &i); err != nil || k != 1 || fmt.Sprint(i) != n || i < 0 {
			return nil, fmt.Errorf("no class of the model is called %q%s", n, example(n, labels))
		}
		if labels != nil && i >= labels.Len() {
			return nil, fmt.Errorf("no class of the model is number %d; they are 0 to %d", i, labels.Len()-1)
		}
		keep[i] = true
	}
	return keep, nil
}

// example names some of the classes there are: those similar to name, else the
// first few.
func example(name string, labels *label.Set) string {
	if labels == nil {
		return "; it has no names, give indices"
	}
	var names []string
	for _, l := range labels.All() {
		names = append(names, l.Name)
	}
	if hint := nearest.Hint(name, names); hint != "" {
		return hint
	}
	return fmt.Sprintf("; its %d classes begin with %s", len(names), strings.Join(names[:min(len(names), 5)], ", "))
}

// Heads lists the names of the heads in alphabetical order.
func Heads() []string {
	names := make([]string, len(heads))
	for i := range heads {
		names[i] = heads[i].name
	}
	slices.Sort(names)
	return names
}
