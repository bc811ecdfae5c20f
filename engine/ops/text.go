package ops

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/tensor"
)

var texts = []Def{
	{Name: "StringConcat", Since: 20, Types: stringType, In: Exactly(2), Out: Exactly(1), New: noAttributes(stringConcat{})},
	{Name: "StringSplit", Since: 20, Types: stringType, In: Exactly(1), Out: Exactly(2), New: newStringSplit},
	{Name: "StringNormalizer", Since: 10, Types: stringType, In: Exactly(1), Out: Exactly(1), New: newStringNormalizer},
	{Name: "RegexFullMatch", Since: 20, Types: stringType, In: Exactly(1), Out: Exactly(1), New: newRegexFullMatch},
	{Name: "TfIdfVectorizer", Since: 9, Types: stringType | tensor.Types(tensor.Int32, tensor.Int64), In: Exactly(1), Out: Exactly(1), New: newTfIdf},
}

// stringConcat concatenates strings element by element. ONNX StringConcat-20.
type stringConcat struct{}

// Infer: X, Y strings → Z with the broadcast shape.
func (stringConcat) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := sameType(in); err != nil {
		return nil, err
	}
	s, err := broadcastShape(in[0].Shape, in[1].Shape)
	return []ir.Fact{ir.Tensor(tensor.String, s)}, err
}

// Eval sets z = x + y.
func (stringConcat) Eval(c *Call) error {
	z, err := c.zeroedBroadcast(tensor.String, c.In[0], c.In[1])
	if err != nil {
		return err
	}
	x, y, out := c.In[0].Strings(), c.In[1].Strings(), z.Strings()
	var bytes int64
	err = broadcastWalk(z.Shape(), c.In[0].Shape(), c.In[1].Shape()).rows(c.Run, func(n int, at, step []int) {
		for i := range n {
			a, b := x[at[1]+i*step[1]], y[at[2]+i*step[2]]
			if bytes += int64(len(a) + len(b)); err == nil {
				err = c.Run.ReserveBytes(bytes)
			}
			if err == nil {
				out[at[0]+i] = a + b
			}
		}
	})
	return err
}

// stringSplit splits strings at a delimiter, or at white space. ONNX
// StringSplit-20.
type stringSplit struct {
	delimiter string
	most      int // maximum number of splits; -1: no limit
}

func newStringSplit(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := stringSplit{a.Str("delimiter", ""), a.Int("maxsplit", -1)}
	if op.most < -1 {
		op.most = -1
	}
	return op, a.Err()
}

// Infer: X → pieces [X's shape, largest number of pieces], and the number of
// pieces of each.
func (stringSplit) Infer(in []ir.Fact) ([]ir.Fact, error) {
	s := in[0].Shape
	if s.Ranked {
		s = ir.ShapeOf(append(slices.Clone(s.Dims), ir.Unknown)...)
	}
	return []ir.Fact{ir.Tensor(tensor.String, s), ir.Tensor(tensor.Int64, in[0].Shape)}, nil
}

// Eval pads short rows with empty strings.
func (op stringSplit) Eval(c *Call) error {
	x := c.In[0].Strings()
	counts, err := c.New(tensor.Int64, c.In[0].Shape()...)
	if err != nil {
		return err
	}
	pieces, most := make([][]string, len(x)), 0
	var total int64
	for i, s := range x {
		if err := c.Run.Check(); err != nil {
			return err
		}
		if total += int64(len(s)); c.Run.ReserveBytes(total*16) != nil {
			return c.Run.ReserveBytes(total * 16)
		}
		pieces[i] = op.split(s)
		most = max(most, len(pieces[i]))
		tensor.Data[int64](counts)[i] = int64(len(pieces[i]))
	}
	y, err := c.New(tensor.String, append(slices.Clone(c.In[0].Shape()), most)...)
	if err != nil {
		return err
	}
	for i, p := range pieces {
		copy(y.Strings()[i*most:], p)
	}
	c.Out[0], c.Out[1] = y, counts
	return nil
}

// split splits one string.
func (op stringSplit) split(s string) []string {
	if op.delimiter != "" {
		if op.most < 0 {
			return strings.Split(s, op.delimiter)
		}
		return strings.SplitN(s, op.delimiter, op.most+1)
	}
	if op.most < 0 {
		return strings.FieldsFunc(s, isSpace)
	}
	var out []string
	for s = trimLeft(s); s != ""; s = trimLeft(s) {
		end := strings.IndexFunc(s, isSpace)
		if end < 0 || len(out) == op.most {
			return append(out, s)
		}
		out = append(out, s[:end])
		s = s[end:]
	}
	return out
}

// isSpace is white space as the specification's reference in Python takes it: that of
// Unicode, and the separators of ASCII.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

func trimLeft(s string) string { return strings.TrimLeftFunc(s, isSpace) }

// stringNormalizer removes stop words and changes the case of the others. ONNX
// StringNormalizer-10.
type stringNormalizer struct {
	action string // NONE, LOWER, UPPER
	exact  bool   // stop words are case-sensitive
	stop   map[string]bool
}

func newStringNormalizer(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := stringNormalizer{a.OneOf("case_change_action", "NONE", "LOWER", "UPPER"), a.Bool("is_case_sensitive", false), map[string]bool{}}
	for _, w := range a.Strs("stopwords") {
		op.stop[op.fold(w)] = true
	}
	return op, a.Err()
}

func (op stringNormalizer) fold(w string) string {
	if op.exact {
		return w
	}
	return strings.ToLower(w)
}

// Infer: [C] or [1 C] → same rank, with the words that remain, or one empty
// string.
func (op stringNormalizer) Infer(in []ir.Fact) ([]ir.Fact, error) {
	s := in[0].Shape
	if !s.Ranked {
		return []ir.Fact{ir.Tensor(tensor.String, s)}, nil
	}
	if s.Rank() < 1 || s.Rank() > 2 || s.Rank() == 2 && s.Dims[0].Known() && s.Dims[0].N != 1 {
		return nil, fmt.Errorf("needs an input of shape [C] or [1 C], it has %v", s)
	}
	out := ir.AnyOfRank(s.Rank())
	if s.Rank() == 2 {
		out.Dims[0] = ir.Dim{N: 1}
	}
	return []ir.Fact{ir.Tensor(tensor.String, out)}, nil
}

// Eval keeps the order of the words.
func (op stringNormalizer) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	var kept []string
	for _, s := range c.In[0].Strings() {
		if op.stop[op.fold(s)] {
			continue
		}
		switch op.action {
		case "LOWER":
			s = strings.ToLower(s)
		case "UPPER":
			s = strings.ToUpper(s)
		}
		kept = append(kept, s)
	}
	if len(kept) == 0 {
		kept = []string{""}
	}
	shape := slices.Clone(c.In[0].Shape())
	shape[len(shape)-1] = len(kept)
	c.Out[0] = tensor.OfStrings(kept, shape...)
	return c.Run.Check()
}

// regexFullMatch tells whether a pattern matches whole strings. ONNX
// RegexFullMatch-20, in the syntax of RE2, which Go's regexp shares.
type regexFullMatch struct{ pattern *regexp.Regexp }

func newRegexFullMatch(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	text := a.Str("pattern", "")
	pattern, err := regexp.Compile(`\A(?:` + text + `)\z`)
	if err != nil {
		a.Fail("attribute \"pattern\" is %s: %s", onnx.Quote(text), onnx.Quote(err.Error()))
	}
	return regexFullMatch{pattern}, a.Err()
}

// Infer: X → bool, same shape.
func (regexFullMatch) Infer(in []ir.Fact) ([]ir.Fact, error) {
	return []ir.Fact{ir.Tensor(tensor.Bool, in[0].Shape)}, nil
}

// Eval matches each string in time linear in its length.
func (op regexFullMatch) Eval(c *Call) error {
	y, err := c.zeroed(tensor.Bool, c.In[0].Shape()...)
	if err != nil {
		return err
	}
	for i, s := range c.In[0].Strings() {
		if err := c.Run.Check(); err != nil {
			return err
		}
		tensor.Data[bool](y)[i] = op.pattern.MatchString(s)
	}
	return nil
}
