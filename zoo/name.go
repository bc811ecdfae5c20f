package zoo

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/visionzoo/vision/internal/nearest"
)

// variants are the suffixes that select a variant.
var variants = []string{"f32", "fp16", "int8", "qdq"}

// Find returns the card for a name: a canonical name, an alias ("resnet50" is the
// newest f32 file of its line), or a line or alias followed by '@' and an opset
// ("resnet50@7"), by '-' and a variant ("resnet50-int8"), or both. Case, '-', '_'
// and '.' do not matter. If nothing matches, the error is a NotInZooError.
func (c *Catalogue) Find(name string) (*Card, error) {
	base, opset, err := cutOpset(name)
	if err != nil {
		return nil, &NotInZooError{Name: name, Why: err.Error(), Near: c.Near(base)}
	}
	if opset == 0 {
		if card, ok := c.names[nearest.Fold(name)]; ok {
			return card, nil
		}
	}
	lines, variant := c.linesOf(base)
	for _, line := range lines {
		if card := newest(line, variant, opset); card != nil {
			return card, nil
		}
	}
	if len(lines) == 0 {
		return nil, &NotInZooError{Name: name, Near: c.Near(name)}
	}
	return nil, &NotInZooError{Name: name, Why: missing(lines[0], variant, opset), Near: nearInLine(lines[0])}
}

// cutOpset splits the opset off "resnet50@7" and "resnet50@7-int8"; 0 means none.
func cutOpset(name string) (base string, opset int, err error) {
	base, rest, found := strings.Cut(name, "@")
	if !found {
		return name, 0, nil
	}
	digits := rest
	if i := strings.IndexAny(rest, "-_"); i >= 0 {
		digits, base = rest[:i], base+rest[i:]
	}
	opset, err = strconv.Atoi(digits)
	if err != nil || opset < 1 {
		return base, 0, fmt.Errorf("%s is not an opset version", quote(digits))
	}
	return base, opset, nil
}

// linesOf finds the lines that base may mean, and the variant asked for: first the
// line of the model with that name or alias, then the line of that name
// ("shufflenet" is an alias of v2, and the line of v1).
func (c *Catalogue) linesOf(base string) (lines [][]*Card, variant string) {
	key := nearest.Fold(base)
	if cut, ok := strings.CutSuffix(key, "fp32"); ok { // as other zoos spell it
		key = cut + "f32"
	}
	if lines = c.linesByKey(key); lines != nil {
		if card, ok := c.names[key]; ok {
			return lines, card.Variant
		}
		return lines, "f32"
	}
	for _, v := range variants {
		if cut, ok := strings.CutSuffix(key, v); ok {
			return c.linesByKey(cut), v
		}
	}
	return nil, ""
}

func (c *Catalogue) linesByKey(key string) (lines [][]*Card) {
	named := c.lines[key]
	if card, ok := c.names[key]; ok && card.Line != "" && nearest.Fold(card.Line) != key {
		lines = append(lines, c.lines[nearest.Fold(card.Line)])
	}
	if named != nil {
		lines = append(lines, named)
	}
	return lines
}

// newest returns the card with the variant and, unless it is 0, the opset; of
// several the one with the highest opset.
func newest(cards []*Card, variant string, opset int) *Card {
	var best *Card
	for _, card := range cards {
		hides := best != nil && best.source == "" && card.source != "" // a card of the user's own would hide a published one
		if card.Variant == variant && (opset == 0 || card.Opset == opset) && (best == nil || card.Opset > best.Opset) && !hides {
			best = card
		}
	}
	return best
}

// byAge sorts a line: f32 before other variants, and the newest opset first.
func byAge(line []*Card) []*Card {
	return slices.SortedStableFunc(slices.Values(line), func(a, b *Card) int {
		return cmp.Or(cmp.Compare(slices.Index(variants, a.Variant), slices.Index(variants, b.Variant)), cmp.Compare(b.Opset, a.Opset))
	})
}

func missing(line []*Card, variant string, opset int) string {
	var have []string
	for _, card := range byAge(line) {
		have = append(have, strings.TrimPrefix(fmt.Sprintf("%d %s", card.Opset, card.Variant), "0 ")) // 0: the opset is not known
	}
	wanted := variant
	if opset > 0 {
		wanted = fmt.Sprintf("opset %d %s", opset, variant)
	}
	return fmt.Sprintf("%s has no %s (opsets and variants: %s)", line[0].Line, wanted, strings.Join(have, ", "))
}

func nearInLine(line []*Card) []string {
	var names []string
	for _, card := range byAge(line) {
		names = append(names, card.Name)
	}
	return names[:min(3, len(names))]
}

// Near returns up to three names that are similar to an unknown one, the most
// similar first, at most one of each line.
func (c *Catalogue) Near(name string) []string {
	key := nearest.Fold(name)
	if key == "" {
		return nil
	}
	if len(key) > 100 {
		key = key[:100]
	}
	type candidate struct {
		name, line string
		distance   int
	}
	var all []candidate
	for _, card := range c.cards {
		best := candidate{distance: 1 << 30}
		for _, n := range append(slices.Clone(card.Aliases), card.Name) {
			if d := distance(key, nearest.Fold(n)); d < best.distance || d == best.distance && len(n) < len(best.name) {
				best = candidate{n, card.Line, d}
			}
		}
		if best.distance <= 2*(len(key)+2) { // an edit for every second letter: more names than nearest.Words finds
			all = append(all, best)
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(len(a.name), len(b.name)), cmp.Compare(a.name, b.name))
	})
	var names []string
	lines := map[string]bool{}
	for _, a := range all {
		if len(names) < 3 && !lines[a.line] {
			names = append(names, a.name)
			lines[a.line] = a.line != ""
		}
	}
	return names
}

// distance is nearest.Distance, less if a long name goes on where ours ends, as
// those of other zoos do ("fasterrcnn_resnet50_fpn").
func distance(key, name string) int {
	d := nearest.Distance(key, name)
	if more := len(key) - len(name); more >= 4 && len(name) >= 6 && strings.HasPrefix(key, name) {
		return min(d, more)
	}
	return d
}

// Search returns the cards that contain all words, in their name, aliases, family,
// title, task, description, label set, licence or training set. Case does not
// matter; without words it returns all cards. Cards whose name, family or task
// contains all words come first.
func (c *Catalogue) Search(words ...string) []*Card {
	var first, rest []*Card
	for _, card := range c.cards {
		what := strings.Join(append([]string{card.Name, card.Line, card.Family, card.Task, card.Variant}, card.Aliases...), "\n")
		text := strings.Join([]string{what, card.Title, card.About, card.Labels, card.Licence, card.TrainedOn, card.Head, card.Citation}, "\n")
		switch {
		case hasAll(what, words):
			first = append(first, card)
		case hasAll(text, words):
			rest = append(rest, card)
		}
	}
	return append(first, rest...)
}

// hasAll reports whether a text contains all words, with or without the punctuation
// of names.
func hasAll(text string, words []string) bool {
	text = strings.ToLower(text)
	flat := nearest.Fold(text)
	return !slices.ContainsFunc(words, func(w string) bool {
		return !strings.Contains(text, strings.ToLower(w)) && (nearest.Fold(w) == "" || !strings.Contains(flat, nearest.Fold(w)))
	})
}
