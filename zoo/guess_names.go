package zoo

import (
	"strconv"
	"strings"
)

// maxNames bounds the labels in a model's metadata.
const maxNames = 100_000

// listedNames reads labels as exporters write them into a model: one per line,
// separated by commas, as a list, or as a dictionary of Python's or JSON's, from
// numbers to names {0: 'person', 1: 'car'} or from names to numbers. Numbers that
// are not 0, 1, 2 and so on, each once, in any order, number no classes: nil. Nor is
// a single name a list, unless brackets say so.
func listedNames(text string) []string {
	text = strings.TrimSpace(text)
	if len(text) > 4<<20 || text == "" {
		return nil
	}
	list, dictionary := strings.HasPrefix(text, "["), strings.HasPrefix(text, "{")
	separator := byte(',')
	if !list && !dictionary && strings.Contains(text, "\n") {
		separator = '\n'
	}
	if list || dictionary {
		text = strings.TrimSuffix(strings.TrimSpace(strings.Trim(text, "{}[]")), ",")
	}
	var keys, names []string
	for _, item := range splitQuoted(text, separator) {
		if dictionary {
			parts := splitQuoted(item, ':')
			if len(parts) > 1 {
				keys = append(keys, unquoted(parts[0]))
				item = strings.Join(parts[1:], ":")
			}
		}
		names = append(names, unquoted(item))
		if len(names) > maxNames {
			return nil
		}
	}
	switch {
	case len(names) == 1 && (names[0] == "" || !list && !dictionary):
		return nil
	case len(keys) != len(names): // no dictionary
		return names
	case areNumbers(keys):
		return placed(names, keys)
	case areNumbers(names):
		return placed(keys, names)
	}
	return names
}

func areNumbers(words []string) bool {
	for _, w := range words {
		if _, err := strconv.Atoi(w); err != nil {
			return false
		}
	}
	return true
}

// placed puts names where the numbers say, nil if they do not say it for each place.
func placed(names, numbers []string) []string {
	out, taken := make([]string, len(names)), make([]bool, len(names))
	for i, name := range names {
		at, err := strconv.Atoi(numbers[i])
		if err != nil || at < 0 || at >= len(out) || taken[at] {
			return nil
		}
		out[at], taken[at] = name, true
	}
	return out
}

// unquoted removes spaces and quotation marks around a word, and the backslashes in
// it.
func unquoted(word string) string {
	word = strings.TrimSpace(word)
	if n := len(word); n >= 2 && (word[0] == '\'' || word[0] == '"') && word[n-1] == word[0] {
		word = escapes.Replace(word[1 : n-1])
	}
	return excerpt(word)
}

var escapes = strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\'`, `'`, `\/`, `/`)

// splitQuoted splits at separators outside quotation marks. A mark opens where a
// word begins, and after a colon; others are apostrophes.
func splitQuoted(text string, separator byte) (items []string) {
	from, quoted := 0, byte(0)
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted != 0 && c == '\\':
			i++
		case quoted != 0:
			if c == quoted {
				quoted = 0
			}
		case c == separator:
			items, from = append(items, text[from:i]), i+1
		case (c == '\'' || c == '"') && (strings.TrimSpace(text[from:i]) == "" || strings.IndexByte(" :", text[i-1]) >= 0):
			quoted = c
		}
	}
	return append(items, text[from:])
}
