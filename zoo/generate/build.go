package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/visionzoo/vision/assets"
	"github.com/visionzoo/vision/zoo"
)

// facts are the tables of zoo/facts.
type facts struct {
	hub, extra, families []row
	recipes, extraCards  map[string]row
}

func readFacts(dir fs.FS) (f facts, err error) {
	var recipes, extraCards []row
	for _, t := range []struct {
		name string
		rows *[]row
	}{
		{"vision_models.tsv", &f.hub}, {"extra_models.tsv", &f.extra}, {"families.tsv", &f.families},
		{"recipes.tsv", &recipes}, {"extra_cards.tsv", &extraCards},
	} {
		if *t.rows, err = table(dir, t.name); err != nil {
			return f, err
		}
	}
	f.recipes, f.extraCards = byName(recipes, "recipe"), byName(extraCards, "name")
	return f, nil
}

// Build makes the catalogue: a JSON array of cards, one a line, the built-in
// model first, then the ONNX model zoo's, then the others.
func Build(dir fs.FS) ([]byte, error) {
	f, err := readFacts(dir)
	if err != nil {
		return nil, err
	}
	mirrors := sameFiles(f)
	cards := []*zoo.Card{builtin()}
	for _, r := range f.hub {
		c, err := f.hubCard(r, mirrors)
		if err != nil {
			return nil, fmt.Errorf("vision_models.tsv: %s: %w", r["name"], err)
		}
		cards = append(cards, c)
	}
	for _, r := range f.extra {
		if r["bytes"] == "" || r["sha256"] == "" || mirrors[r["sha256"]] == r["url"] {
			continue
		}
		c, err := f.extraCard(r)
		if err != nil {
			return nil, fmt.Errorf("extra_models.tsv: %s: %w", r["name"], err)
		}
		cards = append(cards, c)
	}
	return encode(cards)
}

func encode(cards []*zoo.Card) ([]byte, error) {
	var out bytes.Buffer
	for i, c := range cards {
		line, err := json.Marshal(c)
		if err != nil {
			return nil, err
		}
		out.WriteString(map[bool]string{true: "[", false: ",\n"}[i == 0])
		out.Write(line)
	}
	out.WriteString("]\n")
	return out.Bytes(), nil
}

// sameFiles finds the extra files that are, by digest, files of the ONNX model
// zoo: second sources for those, and no entries of their own.
func sameFiles(f facts) map[string]string {
	hub, mirrors := byName(f.hub, "sha256"), map[string]string{}
	for _, r := range f.extra {
		if _, ok := hub[r["sha256"]]; ok && r["sha256"] != "" {
			mirrors[r["sha256"]] = r["url"]
		}
	}
	return mirrors
}

// hubSource is the commit of onnx/models whose READMEs the facts were read in.
const hubSource = "https://github.com/onnx/models/tree/b1eeaa1a/"

func (f facts) hubCard(r row, mirrors map[string]string) (*zoo.Card, error) {
	c := &zoo.Card{
		Name: r["name"], Aliases: list(r["aliases"], ","), Variant: r["variant"], ONNX: r["onnx_version"],
		Task: r["task"], Path: r["path"], SHA256: r["sha256"], Recipe: r["recipe"], Activation: r["activation_in_graph"],
		Accuracy: r["accuracy"], Paper: r["paper"], Licence: r["licence"], Remarks: r["remarks"],
	}
	var err error
	if c.Bytes, err = strconv.ParseInt(r["bytes"], 10, 64); err != nil {
		return nil, err
	}
	if c.Opset, err = strconv.Atoi(r["opset"]); err != nil {
		return nil, err
	}
	archive := &zoo.Archive{Path: r["archive_path"], SHA256: r["archive_sha256"]}
	if archive.Bytes, err = strconv.ParseInt(r["archive_bytes"], 10, 64); err != nil {
		return nil, err
	}
	c.Archive = archive
	c.Line = line(c)
	c.URLs = hubURLs(c.Name, c.Path, mirrors[c.SHA256])
	c.Archive.URLs = hubURLs("", c.Archive.Path, "")
	if c.Inputs, err = ports(r["inputs"]); err != nil {
		return nil, err
	}
	if c.Outputs, err = ports(r["outputs"]); err != nil {
		return nil, err
	}
	if c.Accuracy != "" {
		c.AccuracyFrom = hubSource + readmeFolder(c.Path)
	}
	if err := labels(c, r["labels"]); err != nil {
		return nil, err
	}
	if err := f.family(c); err != nil {
		return nil, err
	}
	return c, f.recipe(c, r["remarks"])
}

// hubURLs lists the addresses of a file of the ONNX model zoo in the order in
// which they are worth trying: a repository of its own at Hugging Face, the whole
// old tree there, a byte-identical copy elsewhere, and last the old address,
// which closed in July 2025 and may answer nevertheless.
func hubURLs(stem, file, mirror string) []string {
	var urls []string
	if stem != "" {
		urls = append(urls, "https://huggingface.co/onnxmodelzoo/"+stem+"/resolve/main/"+path.Base(file))
	}
	urls = append(urls, "https://huggingface.co/onnxmodelzoo/legacy_models/resolve/main/"+file)
	if mirror != "" {
		urls = append(urls, mirror)
	}
	return append(urls, "https://media.githubusercontent.com/media/onnx/models/main/"+file)
}

// readmeFolder is the folder of a model's README: validated/vision/AREA/NETWORK.
func readmeFolder(file string) string {
	parts := strings.SplitN(file, "/", 5)
	return strings.Join(parts[:len(parts)-1], "/")
}

// line is a model's name without variant and opset.
func line(c *zoo.Card) string {
	base := strings.TrimSuffix(c.Name, "-"+c.Variant)
	opset := strconv.Itoa(c.Opset)
	if cut, ok := strings.CutSuffix(base, "-"+opset); ok {
		return cut
	}
	if cut, ok := strings.CutSuffix(base, "_"+opset); ok {
		return cut
	}
	return base
}

var portForm = regexp.MustCompile(`^(\S+) ([a-z]+[0-9]*)\[(.*)\]$`)

// ports reads "name type[d,d]; name type[d]".
func ports(text string) ([]zoo.Port, error) {
	var ps []zoo.Port
	for _, t := range list(text, "; ") {
		if name, ok := strings.CutSuffix(t, " seq((uint8[]"); ok { // the manifest's own spelling
			ps = append(ps, zoo.Port{Name: name, Type: "sequence of uint8"})
			continue
		}
		m := portForm.FindStringSubmatch(t)
		if m == nil {
			return nil, fmt.Errorf("input or output %q is not of the form name type[shape]", t)
		}
		ps = append(ps, zoo.Port{Name: m[1], Type: m[2], Shape: list(m[3], ",")})
	}
	return ps, nil
}

func list(text, separator string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, separator)
}

func (f facts) family(c *zoo.Card) error {
	r := longestPrefix(f.families, "prefix", c.Name)
	if r == nil {
		return fmt.Errorf("no row of families.tsv is a prefix of the name")
	}
	c.Family, c.Title, c.About, c.TrainedOn = r["family"], r["title"], r["about"], r["trained on"]
	c.Citation, c.Head = r["citation"], r["head"]
	return nil
}

// recipe copies what recipes.tsv says of the origin of the card's recipe; it is
// uncertain where the table, or the model's own remarks, doubt it.
func (f facts) recipe(c *zoo.Card, remarks string) error {
	r, ok := f.recipes[c.Recipe]
	if !ok {
		return fmt.Errorf("recipe %q is not in recipes.tsv", c.Recipe)
	}
	c.RecipeFrom, c.RecipeRemark = r["documented in"], r["remark"]
	doubts := strings.Join([]string{r["documented in"], r["remark"], remarks}, " ")
	c.RecipeUncertain = strings.Contains(doubts, "uncertain") || strings.Contains(doubts, "NOT in the README")
	if strings.HasPrefix(c.RecipeFrom, "NOT") {
		c.RecipeFrom = "the framework's custom, not the README"
	}
	return nil
}

// labelSets says which label set the tables' words mean.
var labelSets = map[string]string{
	"imagenet1k": "imagenet1k", "mnist": "mnist", "ferplus": "ferplus", "voc20": "voc20",
	"coco80": "coco80", "coco91": "coco91", "cityscapes19": "cityscapes19", "": "",
	"coco80 with background at 0 (labels 1...80)":                        "coco80+background",
	"coco80 contiguous, 1-based (81 classes with background); uncertain": "coco80+background",
	"voc20 with background at 0 (21)":                                    "voc20+background",
	"coco91 (category ids)":                                              "coco91",
	"coco80 contiguous (720 = 9 anchors x 80)":                           "coco80",
	"ilsvrc2013-det-200 (not in shared/labels)":                          "",
}

func labels(c *zoo.Card, words string) error {
	if words == "background, face" {
		c.Classes = []string{"background", "face"}
		return nil
	}
	set, ok := labelSets[words]
	if !ok {
		return fmt.Errorf("no label set is known for %q", words)
	}
	c.Labels = set
	if strings.HasSuffix(words, "; uncertain") {
		c.Remarks += "; that its class indices start at 1 is uncertain"
	}
	return nil
}

func (f facts) extraCard(r row) (*zoo.Card, error) {
	x, ok := f.extraCards[r["name"]]
	if !ok {
		return nil, fmt.Errorf("not in extra_cards.tsv")
	}
	c := &zoo.Card{
		Name: r["name"], Line: strings.TrimSuffix(r["name"], "-"+x["variant"]), Aliases: list(x["aliases"], ","),
		Task: x["task"], Variant: x["variant"], SHA256: r["sha256"], Licence: r["licence"], Head: x["head"],
		Recipe: x["recipe"], RecipeFrom: x["recipe from"], RecipeRemark: cmp.Or(x["recipe remark"], r["recipe"]),
		Activation: x["activation"], Accuracy: x["accuracy"], AccuracyFrom: x["accuracy from"],
		Remarks: "address and digest: " + r["certainty"],
	}
	if c.RecipeFrom != "" { // has been read since
		c.Remarks, _, _ = strings.Cut(c.Remarks, ", recipe ")
	}
	if strings.HasPrefix(c.Recipe, "{") {
		c.Recipe, c.RecipeData = "", json.RawMessage(c.Recipe)
	}
	c.RecipeUncertain = strings.Contains(c.RecipeRemark, "uncertain")
	var err error
	if c.Bytes, err = strconv.ParseInt(r["bytes"], 10, 64); err != nil {
		return nil, err
	}
	if c.Path, c.URLs, err = extraPlaces(r); err != nil {
		return nil, err
	}
	if c.Inputs, err = ports(x["inputs"]); err != nil {
		return nil, err
	}
	if c.Outputs, err = ports(x["outputs"]); err != nil {
		return nil, err
	}
	if set, ok := labelSets[x["labels"]]; ok {
		c.Labels = set
	} else {
		c.Classes = list(x["labels"], "; ")
	}
	head := c.Head
	if err := f.family(c); err != nil {
		return nil, err
	}
	if head != "" {
		c.Head = head
	}
	return c, nil
}

// extraPlaces gives a file outside the ONNX model zoo its path in a mirror, and
// its addresses: Hugging Face first where the table knows a copy there.
func extraPlaces(r row) (file string, urls []string, err error) {
	u, err := url.Parse(r["url"])
	if err != nil {
		return "", nil, err
	}
	file = strings.TrimPrefix(u.Path, "/")
	for _, part := range []string{"raw/main/", "releases/download/", "resolve/main/", "resolve/"} {
		file = strings.Replace(file, part, "", 1)
	}
	if _, rest, ok := strings.Cut(r["certainty"], "Also https://huggingface.co/"); ok {
		copied := "https://huggingface.co/" + strings.Fields(rest)[0]
		urls = append(urls, strings.Replace(copied, "/...", "/"+path.Base(file), 1))
	}
	return file, append(urls, r["url"]), nil
}

// builtin is the card of the model inside the binary.
func builtin() *zoo.Card {
	sum := sha256.Sum256(assets.Model())
	return &zoo.Card{
		Name: "builtin", Aliases: []string{"default", "builtin-10"}, Line: "builtin", Family: "builtin",
		Title: "The built-in ten-class classifier",
		About: "Names one of ten everyday things; lies inside the binary, so that the first run needs no network.",
		Task:  "classify", Opset: 13, Variant: "f32", Builtin: true,
		Path: "model.onnx", Bytes: int64(len(assets.Model())), SHA256: hex.EncodeToString(sum[:]),
		Inputs:     []zoo.Port{{Name: "picture", Type: "float", Shape: []string{"N", "3", "32", "32"}}},
		Outputs:    []zoo.Port{{Name: "probabilities", Type: "float", Shape: []string{"N", "10"}}},
		Activation: "softmax", Labels: "cifar10",
		Recipe: "cifar", RecipeFrom: "its training script",
		TrainedOn: "CIFAR-10, the 50,000 training pictures as JPEG files",
		Accuracy:  "top1 90.27 top2 96.75 top3 98.50 (CIFAR-10 test set, as JPEG files); on 61 photos of ordinary size top1 73.8",
		Citation:  "Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
		Licence:   "Apache-2.0 (trained from scratch for this project)",
		Remarks: "689,218 parameters, 56.8 million multiply-adds a picture. It always names one of the ten, whatever the picture shows, " +
			"and sees 32 x 32 points of its middle: about a third of ordinary photos come out wrong, cats and dogs most. Not for anything where a mistake costs something",
	}
}
