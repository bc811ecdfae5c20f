package vision

import (
	"bufio"
	"fmt"
	"image"
	"image/color/palette"
	"image/draw"
	"io"
	"os"
	"strings"

	"github.com/BourgeoisBear/rasterm"
	"golang.org/x/term"
)

// Terminal is a way to show a picture in a terminal.
type Terminal uint8

// The ways, of which Auto is the default.
const (
	Auto   Terminal = iota // chosen by the environment, Blocks if in doubt
	Blocks                 // upper half blocks, two pixels per cell: works everywhere
	Kitty
	ITerm
	Sixel
)

// ShowOptions are the options of Show; the zero value suits most uses.
type ShowOptions struct {
	Terminal      Terminal
	Columns, Rows int // cells that the picture may fill; 0: the terminal's size, or 80x24
	// Env looks up the environment; nil is os.Getenv.
	Env func(string) string
}

// Show draws the picture on w, a terminal, with the terminal's escape sequences. It
// is fitted into the columns and rows, and never enlarged.
func Show(w io.Writer, m *Image, o ShowOptions) error {
	if err := m.check(); err != nil {
		return err
	}
	if w == nil {
		return errNoWriter
	}
	env := o.Env
	if env == nil {
		env = os.Getenv
	}
	end, err := escapes(w)
	if err != nil {
		return err
	}
	defer end()
	columns, rows := o.cells(w)
	kind := o.Terminal
	if kind == Auto {
		kind = terminalOf(env)
	}
	if kind == Blocks {
		return showBlocks(w, m, columns, rows, env)
	}
	// A cell is about 10x20 pixels; no more is sent than the cells can show.
	small, err := shrink(m, columns*10, rows*20)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	switch kind {
	case Kitty:
		cells := (small.Width + 9) / 10
		err = rasterm.KittyWriteImage(out, small.NRGBA(), rasterm.KittyImgOpts{DstCols: uint32(cells), DstRows: uint32((small.Height + 19) / 20)})
	case ITerm:
		err = rasterm.ItermWriteImage(out, small.NRGBA())
	case Sixel:
		p := image.NewPaletted(small.Bounds(), palette.Plan9)
		draw.FloydSteinberg.Draw(p, p.Rect, small, image.Point{})
		err = rasterm.SixelWriteImage(out, p)
	default:
		return fmt.Errorf("vision: no such terminal (%d)", kind)
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(out)
	return out.Flush()
}

// cells is the size to fill; a line is left for the prompt.
func (o ShowOptions) cells(w io.Writer) (columns, rows int) {
	columns, rows = 80, 24
	if f, ok := w.(*os.File); ok {
		if c, r, err := term.GetSize(int(f.Fd())); err == nil && c > 0 && r > 1 {
			columns, rows = c, r
		}
	}
	if o.Columns > 0 {
		columns = o.Columns
	}
	if o.Rows > 0 {
		return min(columns, 1000), min(o.Rows, 1000)
	}
	return min(columns, 1000), min(max(rows-1, 1), 1000)
}

// terminalOf recognises terminals by the variables they set. tmux and screen do not
// pass pictures on.
func terminalOf(env func(string) string) Terminal {
	name, program := env("TERM"), strings.ToLower(env("TERM_PROGRAM"))
	switch {
	case strings.HasPrefix(name, "screen") || strings.HasPrefix(name, "tmux") || env("TMUX") != "":
		return Blocks
	case env("KITTY_WINDOW_ID") != "" || name == "xterm-kitty" || name == "xterm-ghostty" || program == "ghostty":
		return Kitty
	case program == "iterm.app" || program == "wezterm" || strings.EqualFold(env("LC_TERMINAL"), "iterm2"):
		return ITerm
	case strings.Contains(name, "sixel") || strings.HasPrefix(name, "foot") || strings.HasPrefix(name, "mlterm") || strings.HasPrefix(name, "yaft"):
		return Sixel
	}
	return Blocks
}

// shrink fits a picture into width × height; smaller ones stay as they are.
func shrink(m *Image, width, height int) (*Image, error) {
	s := min(1, float64(width)/float64(m.Width), float64(height)/float64(m.Height))
	return Resize(m, max(1, int(float64(m.Width)*s)), max(1, int(float64(m.Height)*s)), Bilinear)
}

// showBlocks draws two pixels per cell: the upper in the foreground colour and the
// lower in the background colour.
func showBlocks(w io.Writer, m *Image, columns, rows int, env func(string) string) error {
	small, err := shrink(m, columns, rows*2)
	if err != nil {
		return err
	}
	colour := colour256
	if c := env("COLORTERM"); c == "truecolor" || c == "24bit" {
		colour = func(layer int, r, g, b byte) string { return fmt.Sprintf("%d;2;%d;%d;%d", layer, r, g, b) }
	}
	out := bufio.NewWriter(w)
	for y := 0; y < small.Height; y += 2 {
		last := ""
		for x := range small.Width {
			r, g, b := small.RGB(x, y)
			code := colour(38, r, g, b)
			if y+1 < small.Height {
				r, g, b = small.RGB(x, y+1)
				code += ";" + colour(48, r, g, b)
			}
			if code != last {
				fmt.Fprintf(out, "\x1b[%sm", code)
				last = code
			}
			out.WriteString("▀")
		}
		out.WriteString("\x1b[0m\n")
	}
	return out.Flush()
}

// colour256 is the nearest of xterm's 6x6x6 cube or 24 greys.
func colour256(layer int, r, g, b byte) string {
	levels := [6]int{0, 95, 135, 175, 215, 255}
	nearest := func(v byte) int {
		best := 0
		for i, l := range levels {
			if abs(int(v)-l) < abs(int(v)-levels[best]) {
				best = i
			}
		}
		return best
	}
	ri, gi, bi := nearest(r), nearest(g), nearest(b)
	index := 16 + 36*ri + 6*gi + bi
	grey := min(max((int(luma(r, g, b))-3)/10, 0), 23)
	distance := func(r2, g2, b2 int) int {
		dr, dg, db := int(r)-r2, int(g)-g2, int(b)-b2
		return dr*dr + dg*dg + db*db
	}
	if v := 8 + 10*grey; distance(v, v, v) < distance(levels[ri], levels[gi], levels[bi]) {
		index = 232 + grey
	}
	return fmt.Sprintf("%d;5;%d", layer, index)
}

func abs(v int) int { return max(v, -v) }
