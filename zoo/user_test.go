package zoo

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const soundEntry = `{"name":"mynet","aliases":["mine"],"variant":"f32","path":"nets/mynet.onnx","bytes":10,` +
	`"sha256":"` + zeros + `","urls":["https://example.org/mynet.onnx"],"labels":"coco80","head":"yolox","task":"detect","licence":"MIT"}`

const zeros = "0000000000000000000000000000000000000000000000000000000000000000"

func TestUserEntries(t *testing.T) {
	edit := func(old, new string) string {
		if !strings.Contains(soundEntry, old) {
			t.Fatalf("%q is not in the entry", old)
		}
		return strings.Replace(soundEntry, old, new, 1)
	}
	for _, c := range []struct{ name, json, err string }{
		{"one", soundEntry, ""},
		{"a list", "[" + soundEntry + "]\n", ""},
		{"as Windows writes a text", "\ufeff" + soundEntry + "\r\n", ""},
		{"nothing", "", "the file is empty"},
		{"no JSON", "name: mynet", "invalid character"},
		{"unknown key", edit(`"licence"`, `"license"`), `unknown field "license"`},
		{"a key twice", "\ufeff" + edit(`"bytes"`, `"task":"classify","bytes"`), `key "task" occurs twice`},
		{"a key twice in other letters", edit(`"bytes"`, `"Bytes":11,"bytes"`), `key "bytes" occurs twice`},
		{"a key twice in a recipe", edit(`"labels"`, `"recipe_data":{"crop":"none","crop":"none"},"labels"`), `key "crop" occurs twice`},
		{"two without brackets", soundEntry + soundEntry, "there is more after the entry"},
		{"null", "[null]", "null"},
		{"short digest", edit(zeros, zeros[1:]), "64 hex digits"},
		{"upper case digest", edit(zeros, "A"+zeros[1:]), "64 hex digits"},
		{"no digest", edit(`"sha256":"`+zeros+`",`, ""), "64 hex digits"},
		{"no size", edit(`"bytes":10`, `"bytes":0`), "give the file's size"},
		{"negative size", edit(`"bytes":10`, `"bytes":-1`), "give the file's size"},
		{"a negative opset", edit(`"bytes"`, `"opset":-5,"bytes"`), "opset is -5"},
		{"a size that is no number", edit(`"bytes":10`, `"bytes":1e99`), "cannot unmarshal"},
		{"http", edit("https://", "http://"), "not of the form https://"},
		{"http on this machine", edit("https://example.org", "http://127.0.0.1"), "not of the form https://"},
		{"file", edit("https://example.org", "file://"), "not of the form https://"},
		{"a password", edit("https://", "https://u:p@"), "not of the form https://"},
		{"path goes up", edit("nets/mynet.onnx", "../mynet.onnx"), "relative"},
		{"path goes up inside", edit("nets/mynet.onnx", "a/../../mynet.onnx"), "relative"},
		{"absolute path", edit("nets/mynet.onnx", "/etc/mynet.onnx"), "relative"},
		{"backslash", edit("nets/mynet.onnx", `nets\\mynet.onnx`), "relative"},
		{"drive", edit("nets/mynet.onnx", "C:/mynet.onnx"), "relative"},
		{"a file of the cache's own", edit("nets/mynet.onnx", "nets/card.json"), "end in .onnx"},
		{"a device of Windows", edit(`"mynet"`, `"Con"`), "the name must be"},
		{"a device of Windows as a file", edit("nets/mynet.onnx", "nets/aux.onnx"), "relative"},
		{"a space that Windows drops", edit("nets/mynet.onnx", "nets /mynet.onnx"), "relative"},
		{"an escape in an address", edit("https://example.org", `https://example.org/\u009b2J`), "not of the form https://"},
		{"a change of direction in the path", edit("nets/mynet.onnx", `nets\u202e/mynet.onnx`), "relative"},
		{"an unknown recipe", edit(`"labels"`, `"recipe":"imagenot","labels"`), `recipe "imagenot" is not known`},
		{"a recipe that is none", edit(`"labels"`, `"recipe_data":{"size":[0,0]},"labels"`), "recipe"},
		{"an archive that is none", edit(`"labels"`, `"archive":{"path":"a/b.zip","bytes":1,"sha256":"`+zeros+`"},"labels"`), ".tar.gz"},
		{"a name that a variant makes", edit(`"mynet"`, `"resnet50-int8"`), `belongs to "resnet50-v1-12-int8"`},
		{"a line that a variant makes", edit(`"labels"`, `"line":"resnet50-int8","labels"`), `belongs to "resnet50-v1-12-int8"`},
		{"hidden file", edit("nets/mynet.onnx", "nets/.part"), "relative"},
		{"name with a slash", edit(`"mynet"`, `"../mynet"`), "the name must be"},
		{"name of dots", edit(`"mynet"`, `".."`), "the name must be"},
		{"empty name", edit(`"mynet"`, `""`), "the name must be"},
		{"escape in a word", edit(`"MIT"`, `"\u001b[2J"`), "control character"},
		{"escape in an output's name", edit(`"labels"`, `"outputs":[{"name":"y\u001b[2J"}],"labels"`), "control character"},
		{"escape of one character in a shape", edit(`"labels"`, `"inputs":[{"name":"x","shape":["1","\u009b2J"]}],"labels"`), "control character"},
		{"a change of the direction of writing", edit(`"MIT"`, `"MIT\u202e"`), "control character"},
		{"the same in a recipe", edit(`"labels"`, `"recipe_data":{"name":"`+"\u202e"+`"},"labels"`), "control character"},
		{"a recipe of several lines", edit(`"labels"`, "\"recipe_data\":{\n\t\"name\":\"own\"\n},\"labels\""), ""},
		{"unknown labels", edit("coco80", "coco8000"), "no such label set"},
		{"two sorts of labels", edit(`"labels"`, `"classes":["a"],"labels"`), "cannot be combined"},
		{"unknown variant", edit(`"f32"`, `"f64"`), "it must be f32"},
		{"a taken name", edit(`"mynet"`, `"ResNet50"`), `belongs to "resnet50-v1-12"`},
		{"a taken alias", edit(`"mine"`, `"vgg_16"`), `belongs to "vgg16-12"`},
		{"built in", edit(`"bytes"`, `"builtin":true,"bytes"`), "only the model embedded in the binary"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "[a folder]")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(dir, "mine.json")
			if err := os.WriteFile(file, []byte(c.json), 0o600); err != nil {
				t.Fatal(err)
			}
			all, err := withUserEntries(Published(), dir)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) || !strings.HasPrefix(err.Error(), file) || strings.Contains(err.Error(), "\n") {
					t.Fatalf("error %v, want %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if card, err := all.Find("Mine"); err != nil || card.Name != "mynet" || card.FromUser() != file {
				t.Errorf("%+v (%v)", card, err)
			}
			if _, err := Published().Find("mine"); err == nil {
				t.Error("the published catalogue has it, too")
			}
		})
	}
	if all, err := withUserEntries(Published(), filepath.Join(t.TempDir(), "none")); err != nil || all != Published() {
		t.Errorf("without a folder: %v", err)
	}
}

// A model that a user adds to a line of the catalogue is found by its own opset or
// variant, and hides none.
func TestUserLine(t *testing.T) {
	own, err := ParseCards([]byte(`[
		{"name":"r99","line":"resnet50-v1","opset":99,"variant":"int8","path":"r99.onnx","bytes":1,"sha256":"` + zeros + `"},
		{"name":"r16","line":"resnet50-v1","opset":12,"variant":"fp16","path":"r16.onnx","bytes":1,"sha256":"` + zeros + `"}]`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range own {
		c.source = "own.json"
	}
	all := new(Catalogue)
	if err := all.add(append(Published().Cards(), own...)...); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"resnet50-int8": "resnet50-v1-12-int8", "resnet50@99-int8": "r99", "resnet50-fp16": "r16"} {
		if card, err := all.Find(name); err != nil || card.Name != want {
			t.Errorf("%s: %v (%v), want %s", name, card, err, want)
		}
	}
}

func FuzzParseCards(f *testing.F) {
	f.Add([]byte(soundEntry))
	f.Add([]byte("[" + soundEntry + "," + soundEntry + "]"))
	f.Add([]byte(`{"name":"a","variant":"f32","path":"a/b.onnx","bytes":1,"sha256":"` + zeros + `","archive":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		cards, err := ParseCards(data)
		if err != nil {
			return
		}
		for _, c := range cards {
			dir := folder("/home", c)
			if filepath.Dir(dir) != filepath.FromSlash("/home/models") || filepath.Dir(target("/home", c)) != dir {
				t.Errorf("%q, %q leave the cache: %s", c.Name, c.Path, target("/home", c))
			}
		}
	})
}
