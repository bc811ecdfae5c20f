package main

import (
	"context"
	"encoding/json"
	"io"
	"path/filepath"
	"strconv"

	"github.com/visionzoo/vision/detect"
)

// cocoResults collects objects in COCO's results format.
type cocoResults struct {
	entries    []cocoEntry
	ids        []int64     // of the pictures that are still to come
	categories map[int]int // COCO's ids by class; nil: the classes are the ids
}

func newCOCOResults(d *detect.Detector, pictures []job) *cocoResults {
	return &cocoResults{ids: pictureIDs(pictures), categories: d.COCOCategories()}
}

// pictureIDs gives each picture an id of its own. A picture whose name is a number,
// as in COCO's own folders, has that number; the others get their place in the list,
// from 1, or a number after the list's end if a name has taken that.
func pictureIDs(pictures []job) []int64 {
	ids, taken := make([]int64, len(pictures)), map[int64]bool{}
	for i, j := range pictures {
		ids[i] = -1
		if id, err := strconv.ParseInt(stem(j.source.Name), 10, 64); err == nil && !taken[id] {
			ids[i], taken[id] = id, true
		}
	}
	next := int64(len(pictures))
	for i := range ids {
		if ids[i] >= 0 {
			continue
		}
		id := int64(i + 1)
		for taken[id] {
			next++
			id = next
		}
		ids[i], taken[id] = id, true
	}
	return ids
}

type cocoEntry struct {
	ImageID      int64        `json:"image_id"`
	FileName     string       `json:"file_name"`
	CategoryID   int          `json:"category_id"`
	BBox         [4]float64   `json:"bbox"` // left, top, width, height
	Score        float64      `json:"score"`
	Segmentation *detect.Mask `json:"segmentation,omitempty"`
	Keypoints    []float64    `json:"keypoints,omitempty"`
}

// add takes the results in the pictures' order, those that failed too.
func (r *cocoResults) add(d *detectResult) {
	id := r.ids[0]
	r.ids = r.ids[1:]
	for _, o := range d.Objects {
		e := cocoEntry{ImageID: id, FileName: filepath.ToSlash(d.File), CategoryID: o.Class, Score: o.Score, Segmentation: o.Mask,
			BBox: [4]float64{o.Box.X1, o.Box.Y1, digits(o.Box.X2-o.Box.X1, 3), digits(o.Box.Y2-o.Box.Y1, 3)}}
		if category, ok := r.categories[o.Class]; ok {
			e.CategoryID = category
		}
		for _, k := range o.Keypoints {
			e.Keypoints = append(e.Keypoints, k.X, k.Y, k.Score)
		}
		r.entries = append(r.entries, e)
	}
}

// write writes the whole file in one go.
func (r *cocoResults) write(ctx context.Context, path string) error {
	entries := r.entries
	if entries == nil {
		entries = []cocoEntry{}
	}
	return writeWhole(ctx, path, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		return e.Encode(entries)
	})
}
