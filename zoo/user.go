package zoo

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/visionzoo/vision/assets/label"
	"github.com/visionzoo/vision/internal/limit"
	"github.com/visionzoo/vision/internal/nearest"
	"github.com/visionzoo/vision/internal/printable"
	"github.com/visionzoo/vision/internal/repeated"
)

// UserFolder returns the folder of the user's own entries, or "" if the system has
// no configuration folder.
func UserFolder() string {
	config, err := os.UserConfigDir()
	if err != nil {
		return ""
	}
	return filepath.Join(config, "vision", "zoo.d")
}

// userFiles lists the files with entries in a folder, none if there is no such
// folder.
func userFiles(folder string) (files []string) {
	if folder == "" {
		return nil
	}
	there, _ := os.ReadDir(folder) // no pattern: the path may have brackets in it
	for _, f := range there {
		if filepath.Ext(f.Name()) == ".json" {
			files = append(files, filepath.Join(folder, f.Name()))
		}
	}
	return files
}

// withUserEntries returns base with the entries of a folder added, if the folder
// exists.
func withUserEntries(base *Catalogue, folder string) (*Catalogue, error) {
	files := userFiles(folder)
	if len(files) == 0 {
		return base, nil
	}
	all := new(Catalogue)
	if err := all.add(base.cards...); err != nil {
		return nil, err
	}
	for _, file := range files {
		cards, err := readUserFile(file)
		if err == nil {
			err = base.hiddenBy(cards)
		}
		if err == nil {
			err = all.add(cards...)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w; correct the file or move it away", file, err)
		}
	}
	return all, nil
}

// hiddenBy refuses cards with a name, alias or line that Find understands already,
// such as "resnet50-int8", which is neither. A line of the catalogue may grow.
func (c *Catalogue) hiddenBy(cards []*Card) error {
	for _, card := range cards {
		names := append([]string{card.Name}, card.Aliases...)
		if c.lines[nearest.Fold(card.Line)] == nil {
			names = append(names, card.Line)
		}
		for _, name := range names {
			if other, err := c.Find(name); err == nil {
				return fmt.Errorf("model %q: the name %q belongs to %q", card.Name, name, other.Name)
			}
		}
	}
	return nil
}

// maxUserFile bounds a file in zoo.d, in bytes.
const maxUserFile = 4 << 20

func readUserFile(file string) ([]*Card, error) {
	f, _, err := openRegular(file)
	if err != nil {
		return nil, pathless(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxUserFile+1))
	switch {
	case err != nil:
		return nil, pathless(err)
	case len(data) > maxUserFile:
		return nil, limit.Errorf("more than %d MiB", maxUserFile>>20)
	}
	cards, err := ParseCards(data)
	for _, c := range cards {
		c.source = file
	}
	return cards, err
}

// ParseCards reads a user's own cards: one JSON object in the catalogue's form, or
// an array of them. It is strict: it refuses unknown or repeated keys, invalid names,
// sizes below 1, digests of other than 64 hex digits, URLs that are not https, recipes
// and label sets that are not known, and paths that lead out of the cache.
func ParseCards(data []byte) ([]*Card, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // which editors on Windows begin texts with
	cards, err := parseCards(data)
	if err != nil {
		return nil, err
	}
	if key, ok := repeated.Key(data); ok {
		return nil, fmt.Errorf("key %s occurs twice in one entry", quote(key))
	}
	for _, c := range cards {
		if err := c.check(); err != nil {
			return nil, fmt.Errorf("model %s: %w", quote(c.Name), err)
		}
	}
	return cards, nil
}

// check checks a user's card by the rules of ParseCards.
func (c *Card) check() error {
	switch {
	case !isName(c.Name):
		return errors.New("the name must be letters, digits, '-', '_', '.' and start with a letter or digit")
	case c.Builtin:
		return errors.New("only the model embedded in the binary is built in")
	case c.Bytes <= 0:
		return fmt.Errorf("bytes is %d; give the file's size", c.Bytes)
	case c.Opset < 0:
		return fmt.Errorf("opset is %d; leave it out if it is not known", c.Opset)
	case !isDigest(c.SHA256):
		return errors.New("sha256 must be 64 hex digits in lower case")
	case !isPublishedPath(c.Path, ".onnx"):
		return fmt.Errorf("path %s must be relative, with slashes, never go up, and end in .onnx", quote(c.Path))
	case len(c.RecipeData) > 0 && c.Recipe != "":
		return errors.New("recipe and recipe_data cannot be combined")
	case len(c.Classes) > 0 && c.Labels != "":
		return errors.New("labels and classes cannot be combined")
	case !slices.Contains([]string{"f32", "fp16", "int8", "qdq"}, c.Variant):
		return fmt.Errorf("variant is %s; it must be f32, fp16, int8 or qdq", quote(c.Variant))
	}
	for _, alias := range append([]string{c.Line}, c.Aliases...) {
		if alias != "" && !isName(alias) {
			return fmt.Errorf("alias or line %s is not a valid name", quote(alias))
		}
	}
	if c.Labels != "" {
		if _, err := label.Open(c.Labels); err != nil {
			return err
		}
	}
	if _, _, err := c.recipeOf(); err != nil {
		return err
	}
	if a := c.Archive; a != nil {
		if a.Bytes <= 0 || !isDigest(a.SHA256) || !isPublishedPath(a.Path, ".tar.gz") {
			return errors.New("archive needs path (of a .tar.gz), bytes and sha256")
		}
		if err := checkURLs(a.URLs); err != nil {
			return err
		}
	}
	if err := checkURLs(c.URLs); err != nil {
		return err
	}
	return c.checkWords()
}

// checkWords refuses what is no text (control characters, with which a terminal's
// escapes begin) where it is printed.
func (c *Card) checkWords() error {
	words := []string{c.Family, c.Title, c.About, c.Task, c.ONNX, c.Recipe, c.RecipeFrom, c.RecipeRemark, c.Head,
		c.Activation, c.TrainedOn, c.Accuracy, c.AccuracyFrom, c.Licence, c.Paper, c.Citation, c.Remarks}
	words = append(words, c.Classes...)
	for _, p := range slices.Concat(c.Inputs, c.Outputs) {
		words = append(append(words, p.Name, p.Type), p.Shape...)
	}
	words = append(words, strings.Fields(string(c.RecipeData))...) // may have lines
	for _, text := range words {
		if !isText(text) {
			return fmt.Errorf("a control character in %s", quote(text))
		}
	}
	return nil
}

func isText(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !printable.Is(r) })
}

func checkURLs(urls []string) error {
	for _, u := range urls {
		if p, err := url.Parse(u); err != nil || p.Scheme != "https" || p.Host == "" || p.User != nil || !isText(u) {
			return fmt.Errorf("URL %s is not of the form https://host/path", quote(u))
		}
	}
	return nil
}

// isName reports whether s is valid as the name of a model, and so of a folder in
// the cache.
func isName(s string) bool {
	if s == "" || len(s) > 100 {
		return false
	}
	for i, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !letter && (i == 0 || !strings.ContainsRune("-_.", r)) {
			return false
		}
	}
	return !strings.HasSuffix(s, ".") && nearest.Fold(s) != "" && !windowsDevice.MatchString(s) // Windows drops a dot at the end
}

// windowsDevice matches names that are devices on Windows, with any extension. They
// are refused on every system.
var windowsDevice = regexp.MustCompile(`(?i)^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(\.|$)`)

func isDigest(s string) bool {
	_, err := hex.DecodeString(s)
	return err == nil && len(s) == 64 && strings.ToLower(s) == s
}

// isPublishedPath reports whether p can safely be joined to a mirror, and its last
// part be the name of a file in the cache. By the extension it is none of the files
// that the cache has beside the model.
func isPublishedPath(p, extension string) bool {
	if !strings.HasSuffix(p, extension) || len(p) > 1000 || strings.ContainsAny(p, "\\:?#%*\"<>|") || !isText(p) {
		return false
	}
	for _, part := range strings.Split(p, "/") {
		if part == "" || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".") || strings.HasSuffix(part, " ") || windowsDevice.MatchString(part) {
			return false
		}
	}
	return filepath.IsLocal(filepath.FromSlash(p))
}
