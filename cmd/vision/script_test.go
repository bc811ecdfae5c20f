//go:build !wasip1 && !js

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/visionzoo/vision/assets"
	"github.com/visionzoo/vision/engine/tensor"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"vision": main})
}

// The command line as a user meets it: a script a subject in testdata/script, each
// in an empty home. HTTPS_PROXY leads nowhere, so that nothing leaves the machine.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			home := filepath.Join(e.WorkDir, "home")
			e.Setenv("HOME", home)
			e.Setenv("LocalAppData", home)
			e.Setenv("AppData", home)
			e.Setenv("XDG_CACHE_HOME", filepath.Join(home, "cache"))
			e.Setenv("XDG_CONFIG_HOME", filepath.Join(home, "config"))
			e.Setenv("VISION_HOME", filepath.Join(home, "vision"))
			e.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
			e.Setenv("VISION_CPU", os.Getenv("VISION_CPU"))
			e.Setenv("SHARED", sharedFolder())
			return errors.Join(writeScriptFiles(e.WorkDir), writeTwin(e.WorkDir, filepath.Join(home, "config", "vision", "zoo.d")))
		},
		Condition: func(name string) (bool, error) {
			if name == "shared" {
				return sharedFolder() != "", nil
			}
			return false, errors.New("unknown condition " + name)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// sharedFolder is the shared test data, "" where it is absent.
func sharedFolder() string {
	dir := os.Getenv("VISION_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	abs, err := filepath.Abs(dir)
	if _, statErr := os.Stat(abs); err != nil || statErr != nil {
		return ""
	}
	return abs
}

// exits runs a command and checks its exit code: exits 3 vision classify …
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// writeScriptFiles lays out what scripts need and cannot spell: the sample
// pictures, the built-in model as a file, arrays, and models that are wrong.
func writeScriptFiles(dir string) error {
	for _, name := range []string{"cat", "horse", "truck"} {
		data, err := assetPicture(name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name+".png"), data, 0o644); err != nil {
			return err
		}
	}
	var wrong, right, infinite bytes.Buffer
	if err := errors.Join(tensor.WriteNpy(&wrong, tensor.New(tensor.Float32, 1, 3, 7, 7)), tensor.WriteNpy(&right, tensor.Of([]float32{-1, 0, 2}, 3)),
		tensor.WriteNpy(&infinite, tensor.Of([]float32{float32(math.Inf(1)), 0, 2}, 3))); err != nil {
		return err
	}
	for name, data := range map[string][]byte{
		"builtin.onnx": assets.Model(),
		"unknown.onnx": scriptModel([]string{"Frobnicate", "Twist", "Relu"}),
		"relu.onnx":    scriptModel([]string{"Relu"}),
		"half.onnx":    scriptModelOf(10, []string{"Relu"}), // FLOAT16
		"wrong.npy":    wrong.Bytes(),
		"right.npy":    right.Bytes(),
		"infinite.npy": infinite.Bytes(),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// writeTwin makes a mirror with one model, its publisher's golden data beside it,
// and the entry of the user's own that names it.
func writeTwin(dir, entries string) error {
	model := scriptModel([]string{"Relu", "Abs"})  // no other script has it
	pb := func(name string, v ...float32) []byte { // a TensorProto
		raw := new(bytes.Buffer)
		_ = binary.Write(raw, binary.LittleEndian, v)
		b := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(len(v)))
		b = protowire.AppendVarint(protowire.AppendTag(b, 2, protowire.VarintType), 1) // FLOAT
		b = protowire.AppendString(protowire.AppendTag(b, 8, protowire.BytesType), name)
		return protowire.AppendBytes(protowire.AppendTag(b, 9, protowire.BytesType), raw.Bytes())
	}
	var archive bytes.Buffer
	zipped := gzip.NewWriter(&archive)
	packed := tar.NewWriter(zipped)
	for _, f := range []struct {
		name string
		data []byte
	}{{"twin/twin.onnx", model}, {"twin/test_data_set_0/input_0.pb", pb("x", -1, 0, 2)}, {"twin/test_data_set_0/output_0.pb", pb("y", 0, 0, 2)}} {
		if err := packed.WriteHeader(&tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.data))}); err != nil {
			return err
		}
		if _, err := packed.Write(f.data); err != nil {
			return err
		}
	}
	if err := errors.Join(packed.Close(), zipped.Close()); err != nil {
		return err
	}
	entry := fmt.Sprintf(`{"name":"twin","variant":"f32","path":"nets/twin.onnx","bytes":%d,"sha256":"%x","archive":{"path":"nets/twin.tar.gz","bytes":%d,"sha256":"%x"}}`,
		len(model), sha256.Sum256(model), archive.Len(), sha256.Sum256(archive.Bytes()))
	nets := filepath.Join(dir, "mirror", "nets")
	return errors.Join(os.MkdirAll(nets, 0o755), os.MkdirAll(entries, 0o755), os.WriteFile(filepath.Join(nets, "twin.onnx"), model, 0o644),
		os.WriteFile(filepath.Join(nets, "twin.tar.gz"), archive.Bytes(), 0o644), os.WriteFile(filepath.Join(entries, "twin.json"), []byte(entry), 0o644))
}

func assetPicture(name string) ([]byte, error) {
	f, err := assets.Samples().Open(name + ".png")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var b bytes.Buffer
	_, err = b.ReadFrom(f)
	return b.Bytes(), err
}

// scriptModel is an ONNX file whose nodes apply operators to x, a float32 vector of
// three, one after another.
func scriptModel(ops []string) []byte { return scriptModelOf(1, ops) }

// scriptModelOf is scriptModel with another type of elements. Field numbers are those
// of onnx.proto.
func scriptModelOf(elem uint64, ops []string) []byte {
	text := func(b []byte, field protowire.Number, s string) []byte {
		return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
	}
	number := func(b []byte, field protowire.Number, v uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), v)
	}
	value := func(name string) string {
		shape := text(nil, 1, string(number(nil, 1, 3)))           // dim: dim_value 3
		tensorType := text(number(nil, 1, elem), 2, string(shape)) // elem_type, shape
		return string(text(text(nil, 1, name), 2, string(text(nil, 1, string(tensorType)))))
	}
	var graph []byte
	from := "x"
	for i, op := range ops {
		to := "v" + strconv.Itoa(i)
		if i == len(ops)-1 {
			to = "y"
		}
		graph = text(graph, 1, string(text(text(text(text(nil, 1, from), 2, to), 3, "node-"+op), 4, op)))
		from = to
	}
	graph = text(text(text(graph, 2, "test"), 11, value("x")), 12, value("y"))
	model := text(number(nil, 1, 8), 7, string(graph))
	return text(model, 8, string(number(nil, 2, 17)))
}

// Every command's help begins with examples, and every flag says what it does.
func TestHelp(t *testing.T) {
	for _, c := range commands() {
		if c.Hidden {
			continue
		}
		if !strings.HasPrefix(c.UsageText, "vision "+c.Name) && !strings.Contains(c.UsageText, "vision "+c.Name) {
			t.Errorf("%s: no example", c.Name)
		}
		for _, f := range c.Flags {
			text, ok := f.(interface{ GetUsage() string })
			if !ok || text.GetUsage() == "" {
				t.Errorf("%s: flag %v says nothing", c.Name, f.Names())
			}
		}
	}
}

func TestParseBytes(t *testing.T) {
	for s, want := range map[string]int64{"1GiB": 1 << 30, "1.5KiB": 1536, "2MB": 2e6, "77": 77, "3 B": 3, "": 0, "-1": 0, "GiB": 0, "1e30": 0} {
		if got, err := parseBytes(s); got != want || (err != nil) != (want == 0) {
			t.Errorf("%q: %d, %v, want %d", s, got, err, want)
		}
	}
}
