package zoo

import "testing"

// Each published size is found in the catalogue's text, and none that only begins
// like one.
func TestMayBePublished(t *testing.T) {
	sizes := map[int64]bool{}
	for _, card := range Published().Cards() {
		sizes[card.Bytes] = true
	}
	known := 0
	for size := range sizes {
		if !mayBePublished(size) {
			t.Errorf("%d bytes are those of a model", size)
		}
		if short := size / 10; !sizes[short] && mayBePublished(short) {
			known++ // an archive's, perhaps
		}
	}
	if known > len(sizes)/10 {
		t.Errorf("%d of %d sizes cut short are found", known, len(sizes))
	}
}
