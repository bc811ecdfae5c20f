package detect

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// MarshalJSON writes the box as [x1, y1, x2, y2].
func (b Box) MarshalJSON() ([]byte, error) {
	return json.Marshal([]float64{b.X1, b.Y1, b.X2, b.Y2})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (b *Box) UnmarshalJSON(data []byte) error {
	var v []float64
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	if len(v) != 4 {
		return fmt.Errorf("a box of %d numbers; it has four: x1, y1, x2, y2", len(v))
	}
	*b = Box{v[0], v[1], v[2], v[3]}
	return nil
}

// maskJSON is COCO's form of a mask, which pycocotools reads.
type maskJSON struct {
	Size   [2]int `json:"size"` // height, width
	Counts string `json:"counts"`
}

// MarshalJSON writes {"size": [height, width], "counts": "…"} with the string of RLE,
// as COCO's results have it.
func (m Mask) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false) // the caller's encoder decides: counts hold < and >
	err := e.Encode(maskJSON{[2]int{m.Height, m.Width}, m.RLE()})
	return out.Bytes(), err
}

// UnmarshalJSON reads what MarshalJSON writes.
func (m *Mask) UnmarshalJSON(data []byte) error {
	var v maskJSON
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	read, err := ParseRLE(v.Counts, v.Size[1], v.Size[0])
	if err == nil {
		*m = *read
	}
	return err
}
