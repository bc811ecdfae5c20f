package main

import (
	"context"
	"encoding/json"
	"io"
	"path/filepath"
	"strconv"

	"github.com/visionzoo/vision/detect"
)

// cocoResults collects objects in COCO's results format. A picture whose name is a
// number, as in COCO's own folders, has that number as its id; the others get their
// place in the list, from 1.
type cocoResults struct {
	entries  []cocoEntry
	pictures int
}

type cocoEntry struct {
	ImageID      int64       `json:"image_id"`
	FileName     string      `json:"file_name"`
	CategoryID   int         `json:"category_id"`
	BBox         [4]float64  `json:"bbox"` // left, top, width, height
	Score        float64     `json:"score"`
	Segmentation *resultMask `json:"segmentation,omitempty"`
	Keypoints    []float64   `json:"keypoints,omitempty"`
}

func (r *cocoResults) add(d *detectResult) {
	r.pictures++
	name := stem(d.File)
	id, err := strconv.ParseInt(name, 10, 64)
	if err != nil {
		id = int64(r.pictures)
	}
	for _, o := range d.Objects {
		e := cocoEntry{ImageID: id, FileName: filepath.Base(d.File), CategoryID: detect.COCOCategory(o.Class, o.Label), Score: o.Score, Segmentation: o.Mask,
			BBox: [4]float64{o.Box[0], o.Box[1], digits(o.Box[2]-o.Box[0], 3), digits(o.Box[3]-o.Box[1], 3)}}
		for _, k := range o.Keypoints {
			e.Keypoints = append(e.Keypoints, k[:]...)
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
