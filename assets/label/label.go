// Package label maps a network's class indices to their meaning: an id, a short
// label and synonyms, from the label sets embedded in the binary or the caller's
// own.
//
//	set, err := label.Open("imagenet1k")
//	l, ok := set.At(281)                         // {281 n02123045 tabby [tabby cat]}
//	mine := label.New("pets", "cat", "dog")      // a set of the caller's own
package label

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Label is one class.
type Label struct {
	Index    int      // of the class in the network's output
	ID       string   // the data set's own id (a WordNet id such as n02123045), or ""
	Name     string   // the short label; not unique: ImageNet has two cranes
	Synonyms []string // other names, without the short label
}

// Background is the name of the class at index 0 that detectors and TensorFlow's
// classifiers put before those of the data set.
const Background = "background"

// ErrUnknown says that there is no label set of the given name.
var ErrUnknown = errors.New("no such label set")

// Set is a label set: an ordered list of classes, with holes if the data set has
// some (as COCO's category ids do). A Set never changes and may be shared.
type Set struct {
	name   string
	labels []Label
	holes  int
}

// New makes a set of the given names; an empty name is a hole.
func New(name string, names ...string) *Set {
	s := &Set{name: name, labels: make([]Label, len(names))}
	for i, n := range names {
		s.labels[i] = Label{Index: i, Name: n}
		if n == "" {
			s.holes++
		}
	}
	return s
}

// Name is the set's name as Open takes it.
func (s *Set) Name() string { return s.name }

// Len is the number of indices, including holes and background: the width of the
// output that the set fits.
func (s *Set) Len() int { return len(s.labels) }

// Classes is the number of classes, without holes.
func (s *Set) Classes() int { return len(s.labels) - s.holes }

// At returns the class at an index. ok is false outside the set and in a hole; the
// label then holds the index and the name "class 12".
func (s *Set) At(index int) (l Label, ok bool) {
	if index >= 0 && index < len(s.labels) && s.labels[index].Name != "" {
		return s.labels[index], true
	}
	return Label{Index: index, Name: fmt.Sprintf("class %d", index)}, false
}

// All returns every class in order of its index, without the holes.
func (s *Set) All() []Label {
	all := make([]Label, 0, s.Classes())
	for _, l := range s.labels {
		if l.Name != "" {
			all = append(all, l)
		}
	}
	return all
}

// Find returns the classes whose id, short label or synonym is name; case is
// ignored. There may be several ("crane").
func (s *Set) Find(name string) []Label {
	var found []Label
	for _, l := range s.labels {
		if l.Name != "" && l.called(name) {
			found = append(found, l)
		}
	}
	return found
}

func (l Label) called(name string) bool {
	if strings.EqualFold(l.ID, name) || strings.EqualFold(l.Name, name) {
		return name != ""
	}
	for _, s := range l.Synonyms {
		if strings.EqualFold(s, name) {
			return true
		}
	}
	return false
}

// WithBackground returns the set with the background at index 0 and every class
// shifted by one.
func (s *Set) WithBackground() *Set {
	shifted := &Set{name: s.name + backgroundSuffix, holes: s.holes, labels: make([]Label, len(s.labels)+1)}
	shifted.labels[0] = Label{Name: Background}
	for i, l := range s.labels {
		l.Index = i + 1
		shifted.labels[i+1] = l
	}
	return shifted
}

// Fit returns the set for an output of width classes: the set itself if it has that
// many, the set with a background at 0 if the output has one more (TensorFlow's
// 1,001 ImageNet classes); else ok is false.
func (s *Set) Fit(width int) (fitted *Set, ok bool) {
	switch width {
	case s.Len():
		return s, true
	case s.Len() + 1:
		if s.hasBackground() {
			return s, false
		}
		return s.WithBackground(), true
	}
	return s, false
}

func (s *Set) hasBackground() bool {
	return len(s.labels) > 0 && strings.EqualFold(s.labels[0].Name, Background)
}

// Bounds for label files of a user's own.
const (
	maxFile   = 16 << 20 // bytes
	maxLine   = 1 << 20
	maxLabels = 1 << 20
)

// Read reads a set from a text file with one label per line. If a line has at least
// three tab-separated fields, they are index, id, label and synonyms (separated by
// "; "). Lines that start with "# " are skipped. Errors name the line.
func Read(name string, r io.Reader) (*Set, error) {
	s := &Set{name: name}
	limited := &io.LimitedReader{R: r, N: maxFile + 1}
	lines := bufio.NewScanner(limited)
	lines.Buffer(nil, maxLine)
	at := 1
	for ; lines.Scan(); at++ {
		line := strings.TrimSuffix(lines.Text(), "\r")
		if at == 1 {
			line = strings.TrimPrefix(line, "\ufeff") // which editors on Windows begin texts with
		}
		if strings.HasPrefix(line, "# ") {
			continue
		}
		if len(s.labels) == maxLabels {
			return nil, fmt.Errorf("label set %q: more than %d lines", name, maxLabels)
		}
		l, err := parse(line, len(s.labels))
		if err != nil {
			return nil, fmt.Errorf("label set %q: line %d: %w", name, at, err)
		}
		s.labels = append(s.labels, l)
		if l.Name == "" {
			s.holes++
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return nil, fmt.Errorf("label set %q: line %d is too long; a file of labels has one on each line", name, at)
	} else if err != nil {
		return nil, fmt.Errorf("label set %q: %w", name, err)
	}
	if limited.N == 0 {
		return nil, fmt.Errorf("label set %q: more than %d MiB of text", name, maxFile>>20)
	}
	for len(s.labels) > 0 && s.labels[len(s.labels)-1].Name == "" { // blank lines at the end
		s.labels = s.labels[:len(s.labels)-1]
		s.holes--
	}
	if len(s.labels) == 0 {
		return nil, fmt.Errorf("label set %q: no label in it", name)
	}
	return s, nil
}

func parse(line string, index int) (Label, error) {
	if !utf8.ValidString(line) {
		return Label{}, errors.New("not UTF-8 text; save the labels as UTF-8")
	}
	fields := strings.Split(line, "\t")
	for _, f := range fields {
		if strings.ContainsFunc(f, unicode.IsControl) {
			return Label{}, errors.New("a control character in a label")
		}
	}
	if len(fields) < 3 {
		return Label{Index: index, Name: strings.TrimSpace(fields[0])}, nil
	}
	if fields[0] != fmt.Sprint(index) {
		return Label{}, fmt.Errorf("index %q where %d is due", fields[0], index)
	}
	l := Label{Index: index, ID: fields[1], Name: fields[2]}
	if len(fields) > 3 {
		for _, syn := range strings.Split(fields[3], "; ") {
			if syn != l.Name {
				l.Synonyms = append(l.Synonyms, syn)
			}
		}
	}
	return l, nil
}
