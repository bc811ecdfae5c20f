package zoo

import (
	"encoding/json"
	"path"
)

// Card is what the zoo knows of one model file: where its bytes are, how to feed
// it, how to read it, and where all that comes from. It is one entry of the
// catalogue, in the form that a user's own entries have too.
type Card struct {
	Name    string   `json:"name"`              // canonical: the published file's stem, "resnet50-v1-12"
	Aliases []string `json:"aliases,omitempty"` // "resnet50"
	Line    string   `json:"line,omitempty"`    // the name without opset and variant, "resnet50-v1"
	Family  string   `json:"family,omitempty"`
	Title   string   `json:"title,omitempty"`
	About   string   `json:"about,omitempty"` // one sentence
	Task    string   `json:"task,omitempty"`  // "classify", "detect", "segment", ...

	Opset   int    `json:"opset,omitempty"` // 0 where it is not known
	ONNX    string `json:"onnx,omitempty"`  // the ONNX release it was made for
	Variant string `json:"variant"`         // f32, fp16, int8 or qdq

	Path    string   `json:"path"` // in the published layout, with slashes
	Bytes   int64    `json:"bytes"`
	SHA256  string   `json:"sha256"`         // 64 hex digits
	URLs    []string `json:"urls,omitempty"` // in the order in which they are tried
	Archive *Archive `json:"archive,omitempty"`
	Builtin bool     `json:"builtin,omitempty"` // lies inside the binary

	Inputs     []Port `json:"inputs,omitempty"`
	Outputs    []Port `json:"outputs,omitempty"`
	Activation string `json:"activation,omitempty"` // what the graph ends in: "softmax", "none", ...

	Recipe          string          `json:"recipe,omitempty"`      // by name
	RecipeData      json.RawMessage `json:"recipe_data,omitempty"` // or in full
	RecipeFrom      string          `json:"recipe_from,omitempty"` // where it is documented
	RecipeUncertain bool            `json:"recipe_uncertain,omitempty"`
	RecipeRemark    string          `json:"recipe_remark,omitempty"`

	Labels  string   `json:"labels,omitempty"`  // a label set by name, "coco80+background"
	Classes []string `json:"classes,omitempty"` // or the labels themselves
	Head    string   `json:"head,omitempty"`    // how a detector's or segmenter's outputs are read

	TrainedOn    string `json:"trained_on,omitempty"`
	Accuracy     string `json:"accuracy,omitempty"`
	AccuracyFrom string `json:"accuracy_from,omitempty"` // where it is published
	Licence      string `json:"licence,omitempty"`
	Paper        string `json:"paper,omitempty"`
	Citation     string `json:"citation,omitempty"`
	Remarks      string `json:"remarks,omitempty"`

	source string // the user's file it was read from, or ""
}

// Archive is a model together with the publisher's golden inputs and outputs, as a
// gzipped tar file.
type Archive struct {
	Path   string   `json:"path"`
	Bytes  int64    `json:"bytes"`
	SHA256 string   `json:"sha256"`
	URLs   []string `json:"urls,omitempty"`
}

// Port is an input or output of a model as its publisher describes it.
type Port struct {
	Name  string   `json:"name"`
	Type  string   `json:"type,omitempty"`  // "float", "uint8", "int64", ...
	Shape []string `json:"shape,omitempty"` // numbers, and names for what is free
}

// File is the published file name, the last part of Path.
func (c *Card) File() string { return path.Base(c.Path) }

// FromUser reports the file in zoo.d that the card was read from, or "".
func (c *Card) FromUser() string { return c.source }
