package zoo

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// WriteText writes the card for people: what the model is, its inputs and outputs,
// its origin, published accuracy, size and licence, how to cite it, and a command
// to try. Lines have at most about a hundred characters.
func (c *Card) WriteText(w io.Writer) error {
	t := &cardText{}
	t.line("%s", c.Name)
	if c.Title != "" {
		t.line("%s. %s", c.Title, c.About)
	}
	t.line("")
	t.row("names", strings.Join(c.Aliases, ", "))
	t.row("task", c.Task)
	t.row("variant", c.variantText())
	t.rows("input", portTexts(c.Inputs)...)
	t.rows("output", portTexts(c.Outputs)...)
	t.row("ends in", c.Activation)
	t.rows("picture", c.recipeText(), c.RecipeRemark)
	t.row("labels", c.labelsText())
	t.row("head", c.Head)
	t.row("trained on", c.TrainedOn)
	t.rows("accuracy", c.Accuracy, publishedAt(c.AccuracyFrom))
	if c.Builtin {
		t.row("file", "inside the binary")
	} else {
		t.row("file", c.Path)
	}
	t.fetched(c.Bytes, c.SHA256, c.URLs)
	if a := c.Archive; a != nil {
		t.row("verify by", a.Path)
		t.fetched(a.Bytes, a.SHA256, a.URLs)
	}
	t.row("entry", c.source)
	t.row("licence", c.Licence)
	t.row("cite", c.Citation)
	t.row("paper", paperText(c.Paper))
	t.row("remarks", c.Remarks)
	t.row("try", c.Example())
	if w == nil {
		return errors.New("there is nothing to write to: the writer is nil")
	}
	_, err := io.WriteString(w, t.String())
	return err
}

func portTexts(ports []Port) (texts []string) {
	for _, p := range ports {
		texts = append(texts, p.String())
	}
	return texts
}

func publishedAt(where string) string {
	if where == "" {
		return ""
	}
	return "as published at " + where
}

func (c *Card) variantText() string {
	text := c.Variant
	if c.Opset > 0 {
		text += fmt.Sprintf(", opset %d", c.Opset)
	}
	return text
}

func (c *Card) recipeText() string {
	text := c.Recipe
	if len(c.RecipeData) > 0 {
		text = strings.ReplaceAll(string(c.RecipeData), `,"`, `, "`) // where lines may break
	}
	if text == "" {
		return ""
	}
	if c.RecipeFrom != "" {
		text += ", after " + c.RecipeFrom
	}
	if c.RecipeUncertain {
		text += "; UNCERTAIN: check it against pictures before you rely on an accuracy"
	}
	return text
}

func (c *Card) labelsText() string {
	if len(c.Classes) > 0 {
		return strings.Join(c.Classes, ", ")
	}
	return c.Labels
}

// paperText appends the address to an arXiv number.
func paperText(paper string) string {
	number, ok := strings.CutPrefix(paper, "arXiv:")
	if !ok {
		return paper
	}
	number, _, _ = strings.Cut(number, " ")
	return paper + ", https://arxiv.org/abs/" + number
}

// Example is a command that tries the model.
func (c *Card) Example() string {
	name := c.Name
	if len(c.Aliases) > 0 {
		name = c.Aliases[len(c.Aliases)-1]
	}
	switch {
	case strings.HasPrefix(c.Task, "classify"):
		return "vision classify picture.jpg --model " + name
	case strings.HasPrefix(c.Task, "detect") && c.Head != "":
		return "vision detect picture.jpg --model " + name
	case strings.HasPrefix(c.Task, "segment") && c.Head != "":
		return "vision segment picture.jpg --model " + name
	case len(c.Inputs) > 0 && c.Recipe != "":
		return fmt.Sprintf("vision run %s --input %s=picture.jpg --output out", name, c.Inputs[0].Name)
	}
	return "vision inspect " + name
}

// String returns the port as in "data: float [N 3 224 224]".
func (p Port) String() string {
	text := p.Name + ": " + p.Type
	if len(p.Shape) > 0 {
		text += " [" + strings.Join(p.Shape, " ") + "]"
	}
	return text
}

// Size formats a number of bytes for people: "97.8 MiB".
func Size(bytes int64) string {
	if bytes < 1<<10 {
		return fmt.Sprintf("%d B", bytes)
	}
	value, unit := float64(bytes)/(1<<10), 0
	for value >= 1023.95 && unit < 3 {
		value, unit = value/(1<<10), unit+1
	}
	return fmt.Sprintf("%.1f %ciB", value, "KMGT"[unit])
}

// fetched writes what one needs to fetch a file by hand.
func (t *cardText) fetched(bytes int64, sha256 string, urls []string) {
	t.row("size", fmt.Sprintf("%s (%d bytes)", Size(bytes), bytes))
	t.row("sha256", sha256)
	t.rows("from", urls...)
}

// cardText formats rows: a heading of fixed width, then text that is wrapped at
// spaces.
type cardText struct{ strings.Builder }

const (
	headingWidth = 12
	textWidth    = 88
)

func (t *cardText) line(format string, args ...any) {
	t.WriteString(strings.TrimRight(fmt.Sprintf(format, args...), " ") + "\n")
}

// rows writes texts below one another, the first behind the heading.
func (t *cardText) rows(heading string, texts ...string) {
	for _, text := range texts {
		if text != "" {
			t.row(heading, text)
			heading = ""
		}
	}
}

func (t *cardText) row(heading, text string) {
	if text == "" {
		return
	}
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > textWidth {
			t.line("%-*s%s", headingWidth, heading, line)
			heading, line = "", ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	t.line("%-*s%s", headingWidth, heading, line)
}
