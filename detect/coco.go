package detect

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"slices"
	"strings"

	"github.com/visionzoo/vision/internal/limit"
	"github.com/visionzoo/vision/vision"
)

// COCOTruth is the content of one of COCO's annotation files: what its pictures
// really show.
type COCOTruth struct {
	Images      []COCOImage      `json:"images"`
	Annotations []COCOAnnotation `json:"annotations"`
	Categories  []COCOClass      `json:"categories"`
}

// COCOImage is a picture by its id.
type COCOImage struct {
	ID       int64  `json:"id"`
	FileName string `json:"file_name"`
	Width    int    `json:"width"`
	Height   int    `json:"height"`
}

// COCOClass is a category by its id.
type COCOClass struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
}

// COCOAnnotation is an object of the truth. Its area is the one the annotators
// give: that of the mask, if there is one.
type COCOAnnotation struct {
	ImageID      int64           `json:"image_id"`
	CategoryID   int             `json:"category_id"`
	BBox         []float64       `json:"bbox"` // left, top, width, height
	Area         float64         `json:"area"`
	Crowd        COCOFlag        `json:"iscrowd"`
	Segmentation json.RawMessage `json:"segmentation"`
	Keypoints    []float64       `json:"keypoints"` // x, y, visibility
	NumKeypoints int             `json:"num_keypoints"`
}

// COCOResult is an object that a model found, as COCO's results files list them.
// Its picture is the one that FileName names, with or without the folders before it,
// if the truth has such a picture, else the one with ImageID.
type COCOResult struct {
	ImageID      int64           `json:"image_id"`
	FileName     string          `json:"file_name"`
	CategoryID   int             `json:"category_id"`
	BBox         []float64       `json:"bbox"`
	Score        float64         `json:"score"`
	Segmentation json.RawMessage `json:"segmentation"`
	Keypoints    []float64       `json:"keypoints"`
}

// COCOFlag is a bool that JSON may also hold as 1 or 0.
type COCOFlag bool

// UnmarshalJSON takes 0 and false for false.
func (b *COCOFlag) UnmarshalJSON(data []byte) error {
	s := string(data)
	*b = COCOFlag(s != "0" && s != "false" && s != "null")
	return nil
}

var errNoReader = errors.New("there is nothing to read: the reader is nil")

// maxCOCO bounds an annotation or results file.
const maxCOCO = 2 << 30

// ReadCOCOTruth reads an annotation file such as instances_val2017.json. Keys that
// COCOTruth lacks are ignored.
func ReadCOCOTruth(r io.Reader) (*COCOTruth, error) {
	var t COCOTruth
	if r == nil {
		return nil, errNoReader
	}
	if err := json.NewDecoder(io.LimitReader(r, maxCOCO)).Decode(&t); err != nil {
		return nil, fmt.Errorf("no COCO annotations: %s", jsonFault(err, "an object with images, annotations and categories"))
	}
	if len(t.Images) == 0 || len(t.Categories) == 0 {
		return nil, fmt.Errorf("no COCO annotations: %d images, %d categories", len(t.Images), len(t.Categories))
	}
	return &t, nil
}

// ReadCOCOResults reads a results file: a list of objects.
func ReadCOCOResults(r io.Reader) ([]COCOResult, error) {
	var all []COCOResult
	if r == nil {
		return nil, errNoReader
	}
	if err := json.NewDecoder(io.LimitReader(r, maxCOCO)).Decode(&all); err != nil {
		return nil, fmt.Errorf("no COCO results: %s", jsonFault(err, "a list of objects, each with image_id, category_id and score"))
	}
	return all, nil
}

// jsonFault words a JSON error; needed says what the file should hold.
func jsonFault(err error, needed string) string {
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &kind) && kind.Field == "":
		return fmt.Sprintf("it must hold %s, not %s", needed, kind.Value)
	case errors.As(err, &kind):
		return fmt.Sprintf("%s is a %s where %s belongs", kind.Field, kind.Value, kind.Type)
	case errors.Is(err, io.EOF):
		return "the file is empty"
	}
	return err.Error()
}

// COCOTask is the kind of objects that an evaluation compares.
type COCOTask string

// The tasks, as COCO calls them.
const (
	COCOBoxes     COCOTask = "bbox"
	COCOMasks     COCOTask = "segm"
	COCOKeypoints COCOTask = "keypoints"
)

// cocoObject is an object of the truth or of the results, ready to be compared.
type cocoObject struct {
	box    [4]float64 // left, top, width, height as the file has them: a sum of two would be rounded
	area   float64
	score  float64
	crowd  bool
	ignore bool // neither missing it nor finding it counts
	mask   *Mask
	points []float64
	seen   int // keypoints of the truth that are labelled
}

// cocoKey is a picture and a class.
type cocoKey struct {
	image int64
	class int
}

// cocoTable holds the truth and the results by picture and class.
type cocoTable struct {
	classes  []int
	truth    map[cocoKey][]cocoObject
	found    map[cocoKey][]cocoObject
	imagesOf map[int][]int64 // of each class the pictures with objects, by their ids: of equal scores, those of the lower id rank first
}

func newCOCOTable(t *COCOTruth, results []COCOResult, task COCOTask) (*cocoTable, error) {
	c := &cocoTable{truth: map[cocoKey][]cocoObject{}, found: map[cocoKey][]cocoObject{}, imagesOf: map[int][]int64{}}
	sizes, names := map[int64]COCOImage{}, map[string][]COCOImage{}
	for _, i := range t.Images {
		if _, twice := sizes[i.ID]; !twice {
			names[path.Base(i.FileName)] = append(names[path.Base(i.FileName)], i)
		}
		sizes[i.ID] = i
	}
	classes := map[int]bool{}
	for _, k := range t.Categories {
		if !classes[k.ID] {
			c.classes = append(c.classes, k.ID)
		}
		classes[k.ID] = true
	}
	for i, a := range t.Annotations {
		size, ok := sizes[a.ImageID]
		if !ok || !classes[a.CategoryID] {
			continue // as pycocotools does: they are never asked for
		}
		o, err := a.object(size, task)
		if err != nil {
			return nil, fmt.Errorf("annotation %d: %w", i, err)
		}
		k := cocoKey{a.ImageID, a.CategoryID}
		c.truth[k] = append(c.truth[k], o)
	}
	for i, r := range results {
		var err error
		if r.ImageID, err = r.picture(names[path.Base(r.FileName)]); err != nil {
			return nil, fmt.Errorf("prediction %d: %w", i, err)
		}
		size, ok := sizes[r.ImageID]
		if !ok {
			return nil, fmt.Errorf("prediction %d is of picture %d, which the annotations do not have", i, r.ImageID)
		}
		if !classes[r.CategoryID] {
			continue
		}
		o, err := r.object(size, task)
		if err != nil {
			return nil, fmt.Errorf("prediction %d: %w", i, err)
		}
		k := cocoKey{r.ImageID, r.CategoryID}
		c.found[k] = append(c.found[k], o)
	}
	for k := range c.truth {
		c.imagesOf[k.class] = append(c.imagesOf[k.class], k.image)
	}
	for k := range c.found {
		if _, both := c.truth[k]; !both {
			c.imagesOf[k.class] = append(c.imagesOf[k.class], k.image)
		}
	}
	for _, images := range c.imagesOf {
		slices.Sort(images)
	}
	return c, nil
}

// picture is the id of the one of the truth's pictures of that base name that the
// result is of: the one whose folders fit too, else the one with its id, else the
// only one.
func (r *COCOResult) picture(named []COCOImage) (int64, error) {
	if r.FileName == "" || len(named) == 0 {
		return r.ImageID, nil
	}
	under := func(whole, part string) bool { return strings.HasSuffix("/"+whole, "/"+part) }
	for _, fits := range []func(COCOImage) bool{
		func(i COCOImage) bool { return under(r.FileName, i.FileName) && strings.Contains(i.FileName, "/") },
		func(i COCOImage) bool { return i.ID == r.ImageID },
		func(i COCOImage) bool { return len(named) == 1 },
	} {
		if at := slices.IndexFunc(named, fits); at >= 0 {
			return named[at].ID, nil
		}
	}
	return 0, fmt.Errorf("%d pictures of the annotations are called %.80q, and none of them has image_id %d; name its folder too", len(named), path.Base(r.FileName), r.ImageID)
}

func (a *COCOAnnotation) object(size COCOImage, task COCOTask) (cocoObject, error) {
	o := cocoObject{area: a.Area, crowd: bool(a.Crowd), ignore: bool(a.Crowd)}
	var err error
	if o.box, err = cocoBox(a.BBox); err != nil && task != COCOMasks {
		return o, err
	}
	switch task {
	case COCOMasks:
		o.mask, err = cocoMask(a.Segmentation, size)
		return o, err
	case COCOKeypoints:
		o.ignore = o.ignore || a.NumKeypoints == 0
		o.points = a.Keypoints
		if len(o.points)%3 != 0 {
			return o, fmt.Errorf("%d numbers for keypoints; each has x, y, visibility", len(o.points))
		}
		for i := 2; i < len(o.points); i += 3 {
			if o.points[i] > 0 {
				o.seen++
			}
		}
	}
	return o, nil
}

// object takes the area of the box if the entry has one, as pycocotools does even
// when masks are compared; an entry without a box gets the area of its mask.
func (r *COCOResult) object(size COCOImage, task COCOTask) (cocoObject, error) {
	o := cocoObject{score: r.Score}
	if math.IsNaN(r.Score) || math.IsInf(r.Score, 0) {
		return o, fmt.Errorf("score %v", r.Score)
	}
	var err error
	if len(r.BBox) > 0 || task == COCOBoxes {
		if o.box, err = cocoBox(r.BBox); err != nil {
			return o, err
		}
		o.area = r.BBox[2] * r.BBox[3]
	}
	switch task {
	case COCOMasks:
		if o.mask, err = cocoMask(r.Segmentation, size); err != nil {
			return o, err
		}
		if len(r.BBox) == 0 {
			o.area = float64(o.mask.Area())
		}
	case COCOKeypoints:
		o.points = r.Keypoints
		if len(o.points)%3 != 0 || len(o.points) == 0 {
			return o, fmt.Errorf("%d numbers for keypoints; each has x, y, score", len(o.points))
		}
		if len(r.BBox) == 0 {
			o.area = spanned(o.points)
		}
	}
	return o, nil
}

// spanned is the area of the bounding box of the points.
func spanned(points []float64) float64 {
	b := Box{math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)}
	for i := 0; i < len(points); i += 3 {
		x, y := points[i], points[i+1]
		b = Box{min(b.X1, x), min(b.Y1, y), max(b.X2, x), max(b.Y2, y)}
	}
	return b.Area()
}

func cocoBox(v []float64) (box [4]float64, err error) {
	if len(v) != 4 {
		return box, fmt.Errorf("a bbox of %d numbers; it has left, top, width, height", len(v))
	}
	return [4]float64(v), nil
}

// cocoMask reads a segmentation: polygons, or run lengths as a list or a string.
func cocoMask(raw json.RawMessage, size COCOImage) (*Mask, error) {
	var polygons [][]float64
	if json.Unmarshal(raw, &polygons) == nil && raw[0] == '[' {
		if int64(size.Width)*int64(size.Height) > vision.MaxPixels {
			return nil, limit.Errorf("a mask of %dx%d is over the limit of %d pixels", size.Width, size.Height, vision.MaxPixels)
		}
		return MaskOfPolygons(polygons, size.Width, size.Height)
	}
	var rle struct {
		Size   [2]int          `json:"size"`
		Counts json.RawMessage `json:"counts"`
	}
	if err := json.Unmarshal(raw, &rle); err != nil || len(rle.Counts) == 0 {
		return nil, fmt.Errorf("the segmentation is neither polygons nor run lengths")
	}
	var text string
	if json.Unmarshal(rle.Counts, &text) == nil {
		return ParseRLE(text, rle.Size[1], rle.Size[0])
	}
	m := &Mask{Width: rle.Size[1], Height: rle.Size[0]}
	if err := json.Unmarshal(rle.Counts, &m.Counts); err != nil {
		return nil, fmt.Errorf("the segmentation's counts are neither a string nor whole numbers")
	}
	return m, m.check()
}

// overlap measures how well a found object fits one of the truth, 0 to 1: the IoU
// of boxes or masks (for a crowd, the share of the found object that lies inside),
// or the similarity of keypoints.
func (task COCOTask) overlap(found, truth *cocoObject) float64 {
	switch task {
	case COCOKeypoints:
		return similarity(found, truth)
	case COCOMasks:
		inter, union := found.mask.overlap(truth.mask)
		if truth.crowd {
			union = found.mask.Area()
		}
		if inter == 0 {
			return 0
		}
		return float64(inter) / float64(union)
	}
	a, b := found.box, truth.box
	w := min(a[0]+a[2], b[0]+b[2]) - max(a[0], b[0])
	h := min(a[1]+a[3], b[1]+b[3]) - max(a[1], b[1])
	if !(w > 0 && h > 0) {
		return 0
	}
	// COCO computes areas as width times height, whatever their signs.
	inter, own := w*h, a[2]*a[3]
	if truth.crowd {
		return inter / own
	}
	return inter / (own + b[2]*b[3] - inter)
}

// cocoSigmas are the annotators' standard deviations for each of a person's 17
// points, relative to the square root of the person's area (COCO's keypoint
// evaluation).
var cocoSigmas = []float64{.026, .025, .025, .035, .035, .079, .079, .072, .072, .062, .062, .107, .107, .087, .087, .089, .089}

// similarity is COCO's object keypoint similarity: the mean of
// exp(-d²/(2·area·(2·sigma)²)) over the labelled points. If the truth has no
// labelled points, d is how far a point lies outside the box extended by its own
// size on each side.
func similarity(found, truth *cocoObject) float64 {
	n := min(len(found.points), len(truth.points)) / 3
	x, y, w, h := truth.box[0], truth.box[1], truth.box[2], truth.box[3]
	x0, y0, x1, y1 := x-w, y-h, x+2*w, y+2*h
	sum, count := 0.0, 0
	for i := range n {
		p, q := found.points[3*i:], truth.points[3*i:]
		dx, dy := p[0]-q[0], p[1]-q[1]
		if truth.seen == 0 {
			dx = max(0, x0-p[0]) + max(0, p[0]-x1)
			dy = max(0, y0-p[1]) + max(0, p[1]-y1)
		} else if !(q[2] > 0) {
			continue
		}
		sigma := 0.05 // of points that COCO does not have
		if len(truth.points) == 3*len(cocoSigmas) {
			sigma = cocoSigmas[i]
		}
		variance := (2 * sigma) * (2 * sigma)
		sum += math.Exp(-(dx*dx + dy*dy) / variance / (truth.area + 0x1p-52) / 2)
		count++
	}
	if count == 0 {
		return 0
	}
	return sum / float64(count)
}
