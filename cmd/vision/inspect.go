package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/internal/printable"
	"github.com/visionzoo/vision/zoo"
)

func inspectCommand() *cli.Command {
	return &cli.Command{
		Name:  "inspect",
		Usage: "look inside a model",
		UsageText: "vision inspect model.onnx\nvision inspect squeezenet1.1 --layers\n" +
			"vision inspect model.onnx --dot | dot -Tsvg > model.svg\nvision inspect --operators",
		ArgsUsage: "MODEL",
		Flags: []cli.Flag{
			toggle("layers", "list the nodes with their outputs"),
			toggle("passes", "list the optimisations and how much each changed"),
			toggle("operators", "list the operators the engine supports"),
			toggle("dot", "print the graph in Graphviz's dot language; with --passes the optimised graph"),
			offlineFlag, quietFlag, jsonFlag,
		},
		Action: inspect,
	}
}

// inspection is what --json prints.
type inspection struct {
	Model      string            `json:"model"`
	Producer   string            `json:"producer,omitempty"`
	IRVersion  int               `json:"ir_version"`
	Opsets     map[string]int    `json:"opsets"`
	Metadata   map[string]string `json:"metadata,omitempty"`
	Inputs     []valueLine       `json:"inputs"`
	Defaults   []valueLine       `json:"defaults,omitempty"` // inputs that have a value of their own
	Outputs    []valueLine       `json:"outputs"`
	Operators  map[string]int    `json:"operators"`
	Parameters int               `json:"parameters"`
	Bytes      int64             `json:"weight_bytes"`
	Values     int64             `json:"values_bytes"` // in use at once, at most
	Largest    int64             `json:"largest_value_bytes"`
	FLOPs      float64           `json:"flops"`
	Layers     []layerLine       `json:"layers,omitempty"`
	Passes     []passLine        `json:"passes,omitempty"`
}

type valueLine struct {
	Name string `json:"name"`
	Type string `json:"type"` // element type and shape
}

type layerLine struct {
	Node       string      `json:"node"`
	Op         string      `json:"op"`
	Version    int         `json:"version"`
	Parameters int         `json:"parameters,omitempty"`
	Outputs    []valueLine `json:"outputs"`
}

type passLine struct {
	Name    string `json:"name"`
	Does    string `json:"does"`
	Changes int    `json:"changes"`
}

func inspect(c *cli.Context) error {
	switch {
	case c.Bool("operators") && c.Args().Present():
		return usage("inspect --operators takes no MODEL: it lists what the engine knows; without it a model's operators are listed")
	case c.Bool("operators") && (c.Bool("layers") || c.Bool("passes") || c.Bool("dot")):
		return usage("inspect --operators lists what the engine knows; --layers, --passes and --dot are about a MODEL")
	case c.Bool("operators"):
		return printOperators(c)
	case c.Bool("dot") && (c.Bool("json") || c.Bool("layers")):
		return usage("--dot prints a graph of all layers; it cannot be combined with --json or --layers")
	}
	if c.Args().Len() != 1 {
		return usage("inspect needs one MODEL: a zoo name, or the path of an .onnx file")
	}
	opts, err := zooOptions(c)
	if err != nil {
		return err
	}
	m, err := zoo.LoadContext(c.Context, c.Args().First(), opts...)
	if err != nil {
		return noModel(err)
	}
	defer m.Close()
	s := m.Session()
	switch {
	case c.Bool("dot") && c.Bool("passes"):
		return s.Optimised().WriteDot(c.App.Writer)
	case c.Bool("dot"):
		return s.Graph().WriteDot(c.App.Writer)
	}
	i := look(m, c.Bool("layers"), c.Bool("passes"))
	if c.Bool("json") {
		printJSON(c.App.Writer, i)
		return nil
	}
	i.print(c)
	return nil
}

func look(m *zoo.Model, layers, passes bool) *inspection {
	s := m.Session()
	cost := s.Cost()
	i := &inspection{Model: m.Card().Name, Producer: s.Producer(), IRVersion: s.IRVersion(), Opsets: s.Opsets(), Metadata: s.Metadata(),
		Inputs: valueLines(s.Inputs()), Defaults: valueLines(s.Defaults()), Outputs: valueLines(s.Outputs()), Operators: map[string]int{},
		Parameters: cost.Parameters, Bytes: cost.Bytes, Values: cost.Values, FLOPs: cost.FLOPs}
	for _, l := range s.Layers() {
		i.Operators[l.Op]++
		for _, o := range l.Outputs {
			i.Largest = max(i.Largest, bytesOf(o))
		}
		if layers {
			i.Layers = append(i.Layers, layerLine{l.Node, l.Op, l.Version, l.Parameters, valueLines(l.Outputs)})
		}
	}
	if passes {
		for _, r := range s.Passes() {
			i.Passes = append(i.Passes, passLine{r.Name, r.Does, r.Changes})
		}
	}
	return i
}

func valueLines(infos []engine.Info) []valueLine {
	out := []valueLine{}
	for _, i := range infos {
		out = append(out, valueLine{i.Name, i.Fact.String()})
	}
	return out
}

// bytesOf is the size of a value; open dimensions count as 1.
func bytesOf(i engine.Info) int64 {
	if !i.DType.IsElement() || !i.Shape.Ranked {
		return 0
	}
	n := float64(i.DType.Size())
	for _, d := range i.Shape.Dims {
		n *= float64(max(d.N, 1))
	}
	return int64(min(n, 1<<60))
}

// work is a number of operations for people.
func work(flops float64) string {
	if flops < 1e9 {
		return fmt.Sprintf("%.3f MFLOP", flops/1e6)
	}
	return fmt.Sprintf("%.3f GFLOP", flops/1e9)
}

// mostDefaults bounds the inputs with a value in a table: some exporters list all
// weights as such.
const mostDefaults = 8

func (i *inspection) print(c *cli.Context) {
	out := c.App.Writer
	fmt.Fprintf(out, "model   %s, IR version %d", oneLine(i.Model), i.IRVersion)
	if i.Producer != "" {
		fmt.Fprintf(out, ", made by %s", printable.Name(i.Producer))
	}
	fmt.Fprintln(out)
	for _, domain := range slices.Sorted(maps.Keys(i.Opsets)) {
		name := domain
		if name == "" {
			name = "ai.onnx"
		}
		fmt.Fprintf(out, "opset   %s %d\n", printable.Name(name), i.Opsets[domain])
	}
	for _, v := range i.Inputs {
		fmt.Fprintf(out, "input   %.80q  %s\n", v.Name, v.Type)
	}
	for n, v := range i.Defaults {
		if n == mostDefaults {
			fmt.Fprintf(out, "input   and %d more that have a value (--json lists them)\n", len(i.Defaults)-n)
			break
		}
		fmt.Fprintf(out, "input   %.80q  %s, has a value\n", v.Name, v.Type)
	}
	for _, v := range i.Outputs {
		fmt.Fprintf(out, "output  %.80q  %s\n", v.Name, v.Type)
	}
	for _, op := range slices.Sorted(maps.Keys(i.Operators)) {
		fmt.Fprintf(out, "%7d %s\n", i.Operators[op], op)
	}
	fmt.Fprintf(out, "%d parameters, %s; values of up to %s at once, the largest %s; %s a run\n",
		i.Parameters, zoo.Size(i.Bytes), zoo.Size(i.Values), zoo.Size(i.Largest), work(i.FLOPs))
	for _, l := range i.Layers {
		for _, o := range l.Outputs {
			fmt.Fprintf(out, "%-20s %.80q  %s\n", l.Op, o.Name, o.Type)
		}
	}
	for _, p := range i.Passes {
		fmt.Fprintf(out, "%5d  %-10s %s\n", p.Changes, p.Name, p.Does)
	}
}

// operatorLine is an operator as --operators --json prints it.
type operatorLine struct {
	Domain string `json:"domain"`
	Name   string `json:"name"`
	Since  int    `json:"since"`
	Until  int    `json:"until,omitempty"` // none: the newest
	Types  string `json:"types"`
}

func printOperators(c *cli.Context) error {
	for _, o := range engine.Operators() {
		domain, until := o.Domain, fmt.Sprint(o.Until)
		if domain == "" {
			domain = "ai.onnx"
		}
		if c.Bool("json") {
			printJSON(c.App.Writer, operatorLine{domain, o.Name, o.Since, o.Until, fmt.Sprint(o.Types)})
			continue
		}
		if o.Until == 0 {
			until = ""
		}
		fmt.Fprintf(c.App.Writer, "%-28s %-26s %3d–%-3s %s\n", domain, o.Name, o.Since, until, o.Types)
	}
	return nil
}
