package zoo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/visionzoo/vision/internal/nearest"
)

// pullNamed downloads the card that a name means. If the name leaves the opset open
// and the file cannot be fetched, it takes another opset of the same model and
// variant that the cache or the mirror has. It returns the card it took.
func (c *config) pullNamed(ctx context.Context, name string, card *Card) (*Card, string, error) {
	if c.homeless != nil {
		return nil, "", c.homeless
	}
	path, err := c.pull(ctx, card)
	if err == nil || pinned(name, card) || !(errors.Is(err, ErrNotFound) || errors.Is(err, ErrOffline)) {
		return card, path, err
	}
	for _, other := range c.siblings(card) {
		there := c.entry(other).Cached
		if !there && c.mirror == "" {
			continue
		}
		path, otherErr := c.mirrorOnly().pull(ctx, other)
		if otherErr == nil {
			c.notice(fmt.Sprintf("%s (opset %d) could not be fetched; taking %s (opset %d), which %s has", card.Name, card.Opset, other.Name,
				other.Opset, map[bool]string{true: "the cache", false: "the mirror"}[there]))
			return other, path, nil
		}
		if !errors.Is(otherErr, ErrNotFound) && !errors.Is(otherErr, ErrOffline) {
			return other, "", otherErr // such as a file that is not the published one
		}
	}
	return card, "", err
}

// pinned reports whether a name means exactly this file and no other opset.
func pinned(name string, card *Card) bool {
	return nearest.Fold(name) == nearest.Fold(card.Name) || strings.Contains(name, "@")
}

// siblings lists the other opsets of a card's line and variant, the newest first.
func (c *config) siblings(card *Card) []*Card {
	all, err := All()
	if err != nil || card.Line == "" {
		return nil
	}
	var found []*Card
	for _, other := range all.lines[nearest.Fold(card.Line)] {
		if other != card && other.Variant == card.Variant {
			found = append(found, other)
		}
	}
	slices.SortStableFunc(found, func(a, b *Card) int { return cmp.Compare(b.Opset, a.Opset) })
	return found
}

// mirrorOnly returns a copy of the configuration that uses only the mirror.
func (c *config) mirrorOnly() *config {
	only := *c
	only.withoutCatalogue = true
	return &only
}
