package vision

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// maxSide bounds the sides in recipes and of Resize, so that a row and its weights
// stay small.
const maxSide = 1 << 16

func side(v int) bool { return v >= 1 && v <= maxSide }

// ResizeMode says how the picture's sides are resized.
type ResizeMode uint8

// The modes, with their words in JSON.
const (
	Keep      ResizeMode = iota // "none": keep the picture's size
	Shorter                     // "shorter 256": the shorter side to 256, aspect ratio kept
	Stretch                     // "stretch 320x240": to width x height, aspect ratio not kept
	Letterbox                   // "letterbox 416": as large as fits, aspect ratio kept; Pad fills the rest
)

// ResizeRule is a mode with its numbers and filter. In JSON: the mode's words,
// then the filter's, as in "shorter 800 max 1333 bilinear antialias" or
// "letterbox 640x640 round bilinear".
//
// Sizes are those of the frameworks: Shorter gives int(s*long/short) for the
// longer side (torchvision); with a Longest both sides are int(r*side) where r
// is s/shorter, or Longest/longer if that is less (Detectron). Letterbox takes
// int(r*side), or rounds where Round is set (Ultralytics).
type ResizeRule struct {
	Mode          ResizeMode
	Width, Height int // for Shorter, Width is the side; for Stretch and Letterbox, 0 means the recipe's Size
	Longest       int // for Shorter: bound of the longer side; 0 for none
	Round         bool
	Filter        Filter
}

// String writes the rule as JSON has it.
func (r ResizeRule) String() string {
	s := ""
	switch r.Mode {
	case Keep:
		return "none"
	case Shorter:
		s = fmt.Sprintf("shorter %d", r.Width)
		if r.Longest > 0 {
			s += fmt.Sprintf(" max %d", r.Longest)
		}
	case Stretch:
		s = "stretch" + sizeWord(r.Width, r.Height)
	case Letterbox:
		s = "letterbox" + sizeWord(r.Width, r.Height)
		if r.Round {
			s += " round"
		}
	}
	return s + " " + r.Filter.String()
}

func sizeWord(w, h int) string {
	if w == 0 {
		return ""
	}
	return fmt.Sprintf(" %dx%d", w, h)
}

// MarshalText is String.
func (r ResizeRule) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what String writes; one number stands for a square.
func (r *ResizeRule) UnmarshalText(text []byte) error {
	words := strings.Fields(string(text))
	fail := func(why string) error { return fmt.Errorf("resize %q: %s", shorten(string(text)), why) }
	if len(words) == 0 || words[0] == "none" {
		if len(words) > 1 {
			return fail("nothing follows \"none\"")
		}
		*r = ResizeRule{}
		return nil
	}
	modes := map[string]ResizeMode{"shorter": Shorter, "stretch": Stretch, "letterbox": Letterbox}
	out := ResizeRule{Mode: modes[words[0]]}
	if out.Mode == Keep {
		return fail("the first word must be none, shorter, stretch or letterbox")
	}
	words = words[1:]
	if len(words) > 0 && words[0][0] >= '0' && words[0][0] <= '9' {
		var err error
		if out.Width, out.Height, err = parseSize(words[0]); err != nil {
			return fail(err.Error())
		}
		words = words[1:]
	}
	if out.Mode == Shorter {
		if out.Width != out.Height {
			return fail("shorter takes one number")
		}
		out.Height = 0
		if len(words) > 1 && words[0] == "max" {
			n, err := strconv.Atoi(words[1])
			if err != nil || !side(n) {
				return fail("max takes a number")
			}
			out.Longest, words = n, words[2:]
		}
	}
	if out.Mode == Letterbox && len(words) > 0 && words[0] == "round" {
		out.Round, words = true, words[1:]
	}
	var err error
	if out.Filter, err = ParseFilter(strings.Join(words, " ")); err != nil {
		return fail(err.Error())
	}
	*r = out
	return nil
}

func (r ResizeRule) check() error {
	if r.Mode > Letterbox || r.Filter >= filterCount {
		return errors.New("resize: no such mode or filter")
	}
	sizes := r.Mode == Keep || r.Mode == Shorter && side(r.Width) || side(r.Width) && side(r.Height)
	if !sizes || r.Longest < 0 || r.Longest > maxSide {
		return fmt.Errorf("resize %q: sides are 1 to %d and given here or as size", r, maxSide)
	}
	return nil
}

// parseSize reads "224" or "320x240" (width first).
func parseSize(s string) (w, h int, err error) {
	a, b, two := strings.Cut(s, "x")
	if !two {
		b = a
	}
	w, errW := strconv.Atoi(a)
	h, errH := strconv.Atoi(b)
	if errW != nil || errH != nil || !side(w) || !side(h) {
		return 0, 0, fmt.Errorf("%q is not a size; write 224 or 320x240 (width first), at most %d", shorten(s), maxSide)
	}
	return w, h, nil
}

// CropMode says which part is cut out of the resized picture.
type CropMode uint8

// The modes.
const (
	CropNone   CropMode = iota // "none"
	CropCenter                 // "center 224"
)

// CropRule cuts Width × Height out of the middle, at round((side-crop)/2) with
// halves to even as torchvision does, or at int((side-crop)/2) if Truncate is set
// ("center 224 truncate"). A smaller picture is first padded with black on both
// sides.
type CropRule struct {
	Mode          CropMode
	Width, Height int
	Truncate      bool
}

// String writes the rule as JSON has it.
func (c CropRule) String() string {
	if c.Mode == CropNone {
		return "none"
	}
	s := "center" + sizeWord(c.Width, c.Height)
	if c.Truncate {
		s += " truncate"
	}
	return s
}

// MarshalText is String.
func (c CropRule) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what String writes; one number stands for a square.
func (c *CropRule) UnmarshalText(text []byte) error {
	words := strings.Fields(string(text))
	if len(words) == 0 || len(words) == 1 && words[0] == "none" {
		*c = CropRule{}
		return nil
	}
	out := CropRule{Mode: CropCenter}
	rest := words[1:]
	var err error
	if len(rest) > 0 && rest[0] != "truncate" {
		if out.Width, out.Height, err = parseSize(rest[0]); err != nil {
			return fmt.Errorf("crop: %w", err)
		}
		rest = rest[1:]
	}
	if len(rest) == 1 && rest[0] == "truncate" {
		out.Truncate, rest = true, nil
	}
	if words[0] != "center" || len(rest) > 0 {
		return fmt.Errorf("crop %q is neither none nor center [SIZE] [truncate]", shorten(string(text)))
	}
	*c = out
	return nil
}

func (c CropRule) check() error {
	if c.Mode > CropCenter || c.Mode == CropCenter && (!side(c.Width) || !side(c.Height)) {
		return fmt.Errorf("crop %q: sides are 1 to %d and given here or as size", c, maxSide)
	}
	return nil
}

// PadMode says how the picture is padded.
type PadMode uint8

// The modes.
const (
	PadNone     PadMode = iota // "none"
	PadTopLeft                 // "topleft 114": for a letterbox, with the picture at the top left
	PadCenter                  // "center 114": for a letterbox, with the picture in the middle; an odd pixel goes right and below
	PadMultiple                // "multiple 32": zeros in the tensor, after mean and std, at the right and below
)

// PadRule is a mode with its number: the grey level of a letterbox's border, or the
// multiple to which both sides are padded.
type PadRule struct {
	Mode     PadMode
	Value    uint8
	Multiple int
}

// String writes the rule as JSON has it.
func (p PadRule) String() string {
	switch p.Mode {
	case PadTopLeft:
		return fmt.Sprintf("topleft %d", p.Value)
	case PadCenter:
		return fmt.Sprintf("center %d", p.Value)
	case PadMultiple:
		return fmt.Sprintf("multiple %d", p.Multiple)
	}
	return "none"
}

// MarshalText is String.
func (p PadRule) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what String writes.
func (p *PadRule) UnmarshalText(text []byte) error {
	words := strings.Fields(string(text))
	if len(words) == 0 || len(words) == 1 && words[0] == "none" {
		*p = PadRule{}
		return nil
	}
	modes := map[string]PadMode{"topleft": PadTopLeft, "center": PadCenter, "multiple": PadMultiple}
	out := PadRule{Mode: modes[words[0]]}
	n, err := 0, error(nil)
	if len(words) == 2 {
		n, err = strconv.Atoi(words[1])
	}
	switch {
	case out.Mode == PadNone || len(words) != 2 || err != nil:
		return fmt.Errorf("pad %q must be none, topleft GREY, center GREY or multiple N", shorten(string(text)))
	case out.Mode == PadMultiple:
		out.Multiple = n
	case n < 0 || n > 255:
		return fmt.Errorf("pad %q: the grey level is 0 to 255", shorten(string(text)))
	default:
		out.Value = uint8(n)
	}
	if err := out.check(); err != nil {
		return err
	}
	*p = out
	return nil
}

func (p PadRule) check() error {
	if p.Mode > PadMultiple || p.Mode == PadMultiple && (p.Multiple < 1 || p.Multiple > 4096) {
		return fmt.Errorf("pad %q: a multiple is 1 to 4096", p)
	}
	return nil
}

// Scale multiplies a channel's byte by Times and then divides it by Over; the zero
// value is 1. In JSON it is a number, or a fraction as a string: "1/255" divides,
// as the frameworks do, which is not the same as multiplying by the rounded
// inverse.
type Scale struct{ Times, Over float64 }

// String writes "1/255", or a plain number where Over is 1.
func (s Scale) String() string {
	if s == (Scale{}) {
		return "1"
	}
	times := strconv.FormatFloat(s.Times, 'g', -1, 64)
	if s.Over == 1 {
		return times
	}
	return times + "/" + strconv.FormatFloat(s.Over, 'g', -1, 64)
}

// MarshalJSON writes String as a JSON string.
func (s Scale) MarshalJSON() ([]byte, error) { return []byte(strconv.Quote(s.String())), nil }

// UnmarshalJSON reads a number, or a string with a number or a fraction.
func (s *Scale) UnmarshalJSON(data []byte) error {
	text := strings.TrimSpace(string(data))
	if len(text) >= 2 && text[0] == '"' && text[len(text)-1] == '"' {
		text = text[1 : len(text)-1]
	}
	a, b, fraction := strings.Cut(text, "/")
	if !fraction {
		b = "1"
	}
	times, errA := strconv.ParseFloat(strings.TrimSpace(a), 64)
	over, errB := strconv.ParseFloat(strings.TrimSpace(b), 64)
	out := Scale{times, over}
	if errA != nil || errB != nil || out.check() != nil {
		return fmt.Errorf("scale %q is neither a number nor a fraction like \"1/255\"", shorten(text))
	}
	*s = out
	return nil
}

func (s Scale) check() error {
	if !finite(s.Times) || !finite(s.Over) || s.Over == 0 {
		return fmt.Errorf("scale %v/%v is not a number", s.Times, s.Over)
	}
	return nil
}

// finite reports whether v is a number that float32 can hold.
func finite(v float64) bool { return math.Abs(v) <= math.MaxFloat32 }
