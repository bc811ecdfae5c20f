// Package repeated finds what encoding/json accepts silently: a key that an object has
// twice, of which the last would count.
package repeated

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Key finds a key that occurs twice in one object of a JSON text.
func Key(data []byte) (key string, ok bool) {
	d := json.NewDecoder(bytes.NewReader(data))
	type level struct {
		keys  map[string]bool // nil in an array
		value bool            // the next token is a value
	}
	var open []level
	for {
		t, err := d.Token()
		if err != nil {
			return "", false // broken JSON: Decode's error says more
		}
		if key, ok := t.(string); ok && len(open) > 0 && open[len(open)-1].keys != nil && !open[len(open)-1].value {
			top := &open[len(open)-1]
			// encoding/json matches names without regard to case.
			if folded := strings.ToLower(key); top.keys[folded] {
				return key, true
			} else {
				top.keys[folded] = true
			}
			top.value = true
			continue
		}
		if len(open) > 0 {
			open[len(open)-1].value = false
		}
		switch t {
		case json.Delim('{'):
			open = append(open, level{keys: map[string]bool{}})
		case json.Delim('['):
			open = append(open, level{})
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		}
	}
}
