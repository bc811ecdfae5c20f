// Package nearest finds the words that a mistyped one may have meant, and folds
// names.
package nearest

import (
	"cmp"
	"slices"
	"strings"
)

// Words returns up to n known words that are similar to word or begin with it, the
// most similar first. Case does not matter.
func Words(word string, known []string, n int) []string {
	type candidate struct {
		word     string
		distance int
	}
	key := strings.ToLower(word)
	if key == "" || len(key) > 100 {
		return nil
	}
	var all []candidate
	for _, k := range known {
		low := strings.ToLower(k)
		limit, begins := 4*((len(key)+2)/3), len(key) > 1 && strings.HasPrefix(low, key)
		if len(low) > len(key)+limit && !begins { // a name out of a foreign file may be of any length
			continue
		}
		if d := Distance(key, low); d <= limit || begins {
			all = append(all, candidate{k, d})
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.word, b.word))
	})
	var words []string
	for _, a := range all[:min(n, len(all))] {
		words = append(words, a.word)
	}
	return words
}

// Hint is "; did you mean x, y?" to be appended to an error, or "" if no known word
// is similar.
func Hint(word string, known []string) string {
	if words := Words(word, known, 3); len(words) > 0 {
		return "; did you mean " + strings.Join(words, ", ") + "?"
	}
	return ""
}

// Fold is the form in which names of models, recipes and heads are compared: in
// lower case, without '-', '_' and '.'.
func Fold(name string) string { return punctuation.Replace(strings.ToLower(name)) }

var punctuation = strings.NewReplacer("-", "", "_", "", ".", "")

// Distance is how far the word b is from what was typed, a: four times the edit
// distance, less if b begins with a, and more if the first letters differ, since
// mistakes are more frequent towards the end of a word.
func Distance(a, b string) int {
	d := 4 * edits(a, b)
	common := 0
	for common < min(len(a), len(b)) && a[common] == b[common] {
		common++
	}
	switch common {
	case len(a):
		d -= 3
	case 0:
		d += 2
	}
	return d
}

// edits counts insertions, deletions, substitutions and swaps of neighbours
// (Damerau-Levenshtein, optimal string alignment).
func edits(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := last[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(change, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
