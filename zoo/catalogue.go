package zoo

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/visionzoo/vision/assets"
	"github.com/visionzoo/vision/internal/nearest"
)

// Catalogue is a list of cards with an index by name. It never changes and may be
// shared, and so may its cards, which must not be written to.
type Catalogue struct {
	cards []*Card
	names map[string]*Card   // normalised name or alias → card
	lines map[string][]*Card // normalised line → its cards
}

// Published returns the catalogue embedded in the binary, without the user's own
// entries.
func Published() *Catalogue { return embedded() }

var embedded = sync.OnceValue(func() *Catalogue {
	c, err := published()
	if err != nil {
		panic("BUG: embedded catalogue: " + err.Error())
	}
	return c
})

func published() (*Catalogue, error) {
	text, err := publishedText()
	if err != nil {
		return nil, err
	}
	cards, err := parseCards(text)
	if err != nil {
		return nil, err
	}
	c := new(Catalogue)
	return c, c.add(cards...)
}

func publishedText() ([]byte, error) {
	unpack, err := gzip.NewReader(bytes.NewReader(assets.Catalogue()))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(unpack)
}

// parseCards reads one card, or an array of them.
func parseCards(data []byte) ([]*Card, error) {
	trimmed := bytes.TrimSpace(data)
	if len(trimmed) == 0 {
		return nil, errors.New("the file is empty; it must hold a model's entry")
	}
	d := json.NewDecoder(bytes.NewReader(trimmed))
	d.DisallowUnknownFields()
	var cards []*Card
	var err error
	if trimmed[0] == '[' {
		err = d.Decode(&cards)
	} else {
		cards = []*Card{new(Card)}
		err = d.Decode(cards[0])
	}
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("there is more after the entry; write several entries as a list in [ ]")
	}
	if slices.Contains(cards, nil) {
		return nil, errors.New("an entry is null")
	}
	return cards, nil
}

// mayBePublished reports whether a file of so many bytes may be one of the
// catalogue's. It searches the catalogue's text, which takes a sixth of the time of
// parsing all cards.
func mayBePublished(size int64) bool {
	text, err := publishedText()
	key := fmt.Appendf(nil, `"bytes":%d`, size)
	for err == nil {
		at := bytes.Index(text, key)
		if at < 0 {
			return false
		}
		if text = text[at+len(key):]; len(text) == 0 || text[0] < '0' || text[0] > '9' {
			break
		}
	}
	return true
}

var everything struct {
	sync.Once
	*Catalogue
	err error
}

// All returns the catalogue with the user's own entries: the *.json files of
// vision/zoo.d in the user's configuration folder, as they were when All was first
// called. An invalid entry is an error that names its file.
func All() (*Catalogue, error) {
	everything.Do(func() {
		everything.Catalogue, everything.err = withUserEntries(Published(), UserFolder())
	})
	return everything.Catalogue, everything.err
}

// add adds cards; a name or alias that is taken already is an error.
func (c *Catalogue) add(cards ...*Card) error {
	if c.names == nil {
		c.names, c.lines = map[string]*Card{}, map[string][]*Card{}
	}
	for _, card := range cards {
		for _, name := range append([]string{card.Name}, card.Aliases...) {
			key := nearest.Fold(name)
			if other, taken := c.names[key]; taken && other != card {
				return fmt.Errorf("model %q: the name %q belongs to %q", card.Name, name, other.Name)
			}
			c.names[key] = card
		}
		if card.Line != "" {
			key := nearest.Fold(card.Line)
			c.lines[key] = append(c.lines[key], card)
		}
		c.cards = append(c.cards, card)
	}
	return nil
}

// Cards returns all cards in the catalogue's order.
func (c *Catalogue) Cards() []*Card { return slices.Clone(c.cards) }
