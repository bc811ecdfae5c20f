package ops

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// tfIdf counts, for each row, how often the n-grams of a pool occur in it: sequences of n items,
// skip+1 apart, for all n and skip in the given ranges. In the row a b c, the 2-gram a c occurs
// with skip 1. The counts, or their presence, may be weighted. ONNX TfIdfVectorizer-9.
type tfIdf struct {
	shortest, longest, skip int
	size                    int                                 // length of an output row
	grams                   map[string]int                      // index in the pool, by key
	index                   []int                               // index in the output, by index in the pool
	finish                  func(count, weight float64) float64 // mode
	weights                 []float32                           // by index in the pool; nil: ones
	words                   bool                                // items are strings, otherwise integers
}

func newTfIdf(n *ir.Node) (Op, error) {
	a := n.ReadAttrs().Need("max_gram_length", "max_skip_count", "min_gram_length", "mode", "ngram_counts", "ngram_indexes")
	op := tfIdf{shortest: a.Int("min_gram_length", 1), longest: a.Int("max_gram_length", 1), skip: a.Int("max_skip_count", 0),
		index: a.Ints("ngram_indexes"), weights: a.Floats("weights"), grams: map[string]int{}}
	op.finish = map[string]func(count, weight float64) float64{
		"TF":    func(count, _ float64) float64 { return count },
		"IDF":   func(count, weight float64) float64 { return min(count, 1) * weight },
		"TFIDF": func(count, weight float64) float64 { return count * weight },
	}[a.OneOf("mode", "TF", "IDF", "TFIDF")]
	items, words := poolOf(a)
	op.words = words
	op.read(a, items)
	return op, a.Err()
}

// poolOf returns the items of the pool as strings; words tells whether they are
// strings in the model.
func poolOf(a *ir.Attrs) (items []string, words bool) {
	if a.Has("pool_strings") {
		if a.Has("pool_int64s") {
			a.Fail("attributes \"pool_strings\" and \"pool_int64s\" are both given; exactly one must be")
		}
		return a.Strs("pool_strings"), true
	}
	a.Need("pool_int64s")
	for _, v := range a.Ints("pool_int64s") {
		items = append(items, strconv.Itoa(v))
	}
	return items, false
}

// read divides the pool into its n-grams.
func (op *tfIdf) read(a *ir.Attrs, items []string) {
	counts := a.Ints("ngram_counts")
	if op.shortest < 1 || op.longest < op.shortest || op.skip < 0 {
		a.Fail("attributes \"min_gram_length\" %d, \"max_gram_length\" %d and \"max_skip_count\" %d are inconsistent", op.shortest, op.longest, op.skip)
		return
	}
	if op.longest > len(counts) {
		a.Fail("attribute \"max_gram_length\" is %d, \"ngram_counts\" has only %d elements", op.longest, len(counts))
		return
	}
	place := 0
	for i, start := range counts {
		end := len(items)
		if i+1 < len(counts) {
			end = counts[i+1]
		}
		if start < 0 || end < start || end > len(items) || (end-start)%(i+1) != 0 {
			a.Fail("attribute \"ngram_counts\" is %v; it must divide the pool of %d items into n-grams", counts, len(items))
			return
		}
		for at := start; at < end; at += i + 1 {
			if n := i + 1; n >= op.shortest && n <= op.longest {
				op.grams[gramKey(items[at:at+n])] = place
			}
			place++
		}
	}
	if len(op.index) != place || op.weights != nil && len(op.weights) != place {
		a.Fail("attributes \"ngram_indexes\" and \"weights\" have %d and %d elements for %d n-grams", len(op.index), len(op.weights), place)
		return
	}
	for _, i := range op.index {
		if i < 0 || i > maxSpan {
			a.Fail("attribute \"ngram_indexes\" has the element %d, it must be between 0 and %d", i, maxSpan)
			return
		}
		op.size = max(op.size, i+1)
	}
}

// gramKey joins items to a key that is unique for the n-gram.
func gramKey(items []string) string {
	var b strings.Builder
	for _, s := range items {
		b.WriteString(strconv.Itoa(len(s)))
		b.WriteByte(':')
		b.WriteString(s)
	}
	return b.String()
}

// Infer: [C] → [size]; [N C] → [N size].
func (op tfIdf) Infer(in []ir.Fact) ([]ir.Fact, error) {
	s := in[0].Shape
	if (in[0].DType == tensor.String) != op.words {
		return nil, fmt.Errorf("input is %s, which does not match the type of the pool", in[0].DType)
	}
	if !s.Ranked {
		return []ir.Fact{ir.Tensor(tensor.Float32, s)}, nil
	}
	switch s.Rank() {
	case 1:
		return []ir.Fact{ir.Tensor(tensor.Float32, ir.Dims(op.size))}, nil
	case 2:
		return []ir.Fact{ir.Tensor(tensor.Float32, ir.ShapeOf(s.Dims[0], ir.Dim{N: op.size}))}, nil
	}
	return nil, fmt.Errorf("needs an input of shape [C] or [N C], it has %v", s)
}

// Eval counts row by row.
func (op tfIdf) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	shape := slices.Clone(c.In[0].Shape())
	n, rows := shape[len(shape)-1], tensor.MustCount(shape[:len(shape)-1])
	shape[len(shape)-1] = op.size
	y, err := c.New(tensor.Float32, shape...)
	if err != nil {
		return err
	}
	if c.Out[0] = y; y.Len() == 0 {
		return nil // nothing to compute, whatever the number of rows
	}
	out := tensor.Data[float32](y)
	for r := range rows {
		counts := make([]float64, len(op.index))
		if err := op.count(c.Run, op.row(c.In[0], r, n), counts); err != nil {
			return err
		}
		for place, count := range counts {
			weight := 1.0
			if op.weights != nil {
				weight = float64(op.weights[place])
			}
			if count != 0 {
				out[r*op.size+op.index[place]] += float32(op.finish(count, weight))
			}
		}
	}
	return nil
}

// row returns the items of a row as strings.
func (op tfIdf) row(x *tensor.Tensor, r, n int) []string {
	if op.words {
		return x.Strings()[r*n : (r+1)*n]
	}
	line := make([]int64, n)
	tensor.Load(line, x, r*n, 1)
	out := make([]string, n)
	for i, v := range line {
		out[i] = strconv.FormatInt(v, 10)
	}
	return out
}

// count adds the number of occurrences of each n-gram in a row.
func (op tfIdf) count(run *Run, row []string, counts []float64) error {
	for n := op.shortest; n <= op.longest; n++ {
		gram := make([]string, n)
		for skip := 0; skip <= op.skip; skip++ {
			if n == 1 && skip > 0 || (n-1)*(skip+1) >= len(row) {
				break
			}
			for start := 0; start+(n-1)*(skip+1) < len(row); start++ {
				for k := range gram {
					gram[k] = row[start+k*(skip+1)]
				}
				if place, ok := op.grams[gramKey(gram)]; ok {
					counts[place]++
				}
			}
			if err := run.Check(); err != nil {
				return err
			}
		}
	}
	return nil
}
