package ir

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/visionzoo/vision/internal/printable"
)

// WriteDot writes the graph in Graphviz's dot language: a box for each node, and an
// edge with its type for each value that is not a constant. Regions are not drawn,
// but the edges they read are.
func (g *Graph) WriteDot(w io.Writer) error {
	out := bufio.NewWriter(w)
	fmt.Fprintln(out, "digraph {\n  rankdir=TB; node [shape=box, fontname=\"sans-serif\"]; edge [fontname=\"sans-serif\", fontsize=10];")
	at := map[*Value]string{}
	for i, v := range g.Inputs {
		at[v] = fmt.Sprintf("in%d", i)
		fmt.Fprintf(out, "  in%d [shape=ellipse, label=%s];\n", i, dotQuote(v.Name, v.Fact.String()))
	}
	for i, n := range g.Nodes {
		for _, v := range n.Outputs {
			at[v] = fmt.Sprintf("n%d", i)
		}
		op := n.Op
		if n.Domain != "" {
			op = n.Domain + "." + op
		}
		fmt.Fprintf(out, "  n%d [label=%s];\n", i, dotQuote(op, n.Name))
	}
	for i, n := range g.Nodes {
		for _, v := range n.Uses() {
			if from := at[v]; from != "" {
				fmt.Fprintf(out, "  %s -> n%d [label=%s];\n", from, i, dotQuote(v.Fact.String()))
			}
		}
	}
	for i, v := range g.Outputs {
		fmt.Fprintf(out, "  out%d [shape=ellipse, label=%s];\n", i, dotQuote(v.Name, v.Fact.String()))
		if from := at[v]; from != "" {
			fmt.Fprintf(out, "  %s -> out%d;\n", from, i)
		}
	}
	fmt.Fprintln(out, "}")
	return out.Flush()
}

// dotQuote quotes a label of several lines. Names come from untrusted files:
// they are made printable and short, and special characters are escaped.
func dotQuote(lines ...string) string {
	for i, s := range lines {
		lines[i] = strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(printable.Name(s))
	}
	return `"` + strings.Join(lines, `\n`) + `"`
}
