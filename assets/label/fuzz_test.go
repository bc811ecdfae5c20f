package label

import (
	"bytes"
	"strings"
	"testing"
	"unicode"
)

// FuzzRead: whatever the bytes, an error of one line, or classes that a terminal can show
// and that are where At, All and Find say.
func FuzzRead(f *testing.F) {
	f.Add([]byte("cat\ndog\n\n# a remark\nbird\r\n"))
	f.Add([]byte("0\tn01440764\ttench\ttench, Tinca tinca; tench\n1\t\tgoldfish\n"))
	f.Add([]byte("\ufeff# cats\ncat\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Read("mine", bytes.NewReader(data))
		if err != nil {
			if strings.ContainsFunc(err.Error(), unicode.IsControl) {
				t.Fatalf("not one line: %q", err)
			}
			return
		}
		all := s.All()
		if len(all) != s.Classes() || s.Len() == 0 || s.Classes() == 0 {
			t.Fatalf("%d classes of %d, All has %d", s.Classes(), s.Len(), len(all))
		}
		for _, l := range all {
			if at, ok := s.At(l.Index); !ok || at.Name != l.Name {
				t.Fatalf("At(%d) is %v, All has %v", l.Index, at, l)
			}
			if len(s.Find(l.Name)) == 0 {
				t.Fatalf("Find does not know %q", l.Name)
			}
			for _, text := range append(l.Synonyms, l.ID, l.Name) {
				if strings.ContainsFunc(text, unicode.IsControl) {
					t.Fatalf("label %d is %q", l.Index, text)
				}
			}
		}
	})
}
