package zoo

import (
	"encoding/json"
	"path"
)

// Card is what the zoo knows about one model file: where its bytes are, how to feed
// it, how to read its outputs, and where this information comes from. It is one
// entry of the catalogue, or of a user's own file, which has the same form.
type Card struct {
	Name    string   `json:"name"`              // canonical: the published file's name without extension, "resnet50-v1-12"
	Aliases []string `json:"aliases,omitempty"` // "resnet50"
	Line    string   `json:"line,omitempty"`    // the name without opset and variant, "resnet50-v1"
	Family  string   `json:"family,omitempty"`
	Title   string   `json:"title,omitempty"`
	About   string   `json:"about,omitempty"` // one sentence
	Task    string   `json:"task,omitempty"`  // "classify", "detect", "segment", ...

	Opset   int    `json:"opset,omitempty"` // 0 if it is not known
	ONNX    string `json:"onnx,omitempty"`  // the ONNX release it was exported with
	Variant string `json:"variant"`         // f32, fp16, int8 or qdq

	Path    string   `json:"path"` // below a mirror's root, with slashes
	Bytes   int64    `json:"bytes"`
	SHA256  string   `json:"sha256"`         // 64 hex digits
	URLs    []string `json:"urls,omitempty"` // in the order in which to try them
	Archive *Archive `json:"archive,omitempty"`
	Builtin bool     `json:"builtin,omitempty"` // embedded in the binary

	Inputs     []Port `json:"inputs,omitempty"`
	Outputs    []Port `json:"outputs,omitempty"`
	Activation string `json:"activation,omitempty"` // what the graph ends in: "softmax", "none", ...

	Recipe          string          `json:"recipe,omitempty"`      // by name
	RecipeData      json.RawMessage `json:"recipe_data,omitempty"` // or in full
	RecipeFrom      string          `json:"recipe_from,omitempty"` // where the recipe is documented
	RecipeUncertain bool            `json:"recipe_uncertain,omitempty"`
	RecipeRemark    string          `json:"recipe_remark,omitempty"`

	Labels  string   `json:"labels,omitempty"`  // a label set by name, "coco80+background"
	Classes []string `json:"classes,omitempty"` // or the labels themselves
	Head    string   `json:"head,omitempty"`    // how to read a detector's or segmenter's outputs

	TrainedOn    string `json:"trained_on,omitempty"`
	Accuracy     string `json:"accuracy,omitempty"`
	AccuracyFrom string `json:"accuracy_from,omitempty"` // where it is published
	Licence      string `json:"licence,omitempty"`
	Paper        string `json:"paper,omitempty"`
	Citation     string `json:"citation,omitempty"`
	Remarks      string `json:"remarks,omitempty"`

	source string // the user's file that it was read from, or ""
}

// Archive is a gzipped tar file with the model and its publisher's golden inputs
// and outputs.
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
	Shape []string `json:"shape,omitempty"` // numbers, or names for open dimensions
}

// File is the published file name, the last part of Path.
func (c *Card) File() string { return path.Base(c.Path) }

// FromUser returns the file in zoo.d that the card was read from, or "" for a
// published model.
func (c *Card) FromUser() string { return c.source }
