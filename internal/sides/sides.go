// Package sides reads the size of a network's input as flags give it.
package sides

import (
	"fmt"
	"strconv"
	"strings"
)

// largest bounds a side.
const largest = 1 << 15

// Parse reads "224" or "480x640": height, then width, as shapes of inputs have them.
// An empty string gives 0, 0.
func Parse(s string) (height, width int, err error) {
	if s == "" {
		return 0, 0, nil
	}
	h, w, two := strings.Cut(strings.ToLower(s), "x")
	if !two {
		w = h
	}
	height, errH := strconv.Atoi(h)
	width, errW := strconv.Atoi(w)
	if errH != nil || errW != nil || min(height, width) < 1 || max(height, width) > largest {
		return 0, 0, fmt.Errorf("write 224, or HEIGHTxWIDTH as 480x640, height first, each 1 to %d", largest)
	}
	return height, width, nil
}
