package zoo

import "fmt"

// DefaultClassifier returns the classifier to use if none is named: of the cached
// classifiers of ImageNet's thousand classes the one with the best published
// accuracy (the smaller of two equal ones), else the built-in one.
func DefaultClassifier(opts ...Option) (*Card, error) {
	all, err := All()
	if err != nil {
		return nil, err
	}
	best, err := all.Find("builtin")
	if err != nil {
		return nil, err
	}
	if newConfig(opts).homeless != nil { // nothing can be cached
		return best, nil
	}
	entries, err := List(all.cards, opts...)
	if err != nil {
		return nil, err
	}
	bestScore := -1.0
	for _, e := range entries {
		c := e.Card
		if !e.Cached || c.Builtin || c.Task != "classify" || c.Labels != "imagenet1k" {
			continue
		}
		score := c.top1()
		if score > bestScore || score == bestScore && c.Bytes < best.Bytes {
			best, bestScore = c, score
		}
	}
	return best, nil
}

// top1 is the published accuracy of a classifier in per cent, 0 if there is none.
func (c *Card) top1() float64 {
	var percent float64
	if n, _ := fmt.Sscanf(c.Accuracy, "top1 %f", &percent); n != 1 {
		return 0
	}
	return percent
}
