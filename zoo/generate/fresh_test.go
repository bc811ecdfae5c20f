package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"testing"

	"github.com/visionzoo/vision/assets"
	"github.com/visionzoo/vision/assets/label"
	"github.com/visionzoo/vision/internal/shared"
	"github.com/visionzoo/vision/vision"
	"github.com/visionzoo/vision/zoo"
)

// The catalogue inside the binary is what the tables say now.
func TestFresh(t *testing.T) {
	want, err := Build(os.DirFS("../facts"))
	if err != nil {
		t.Fatal(err)
	}
	unpack, err := gzip.NewReader(bytes.NewReader(assets.Catalogue()))
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(unpack)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("assets/catalogue.json.gz is out of date: go generate ./zoo")
	}
}

// Each card's recipe and labels are there, and a user may copy any card into a
// file of his own.
func TestCardsAreSound(t *testing.T) {
	for _, c := range zoo.Published().Cards() {
		if c.Recipe != "" {
			if _, err := vision.Named(c.Recipe); err != nil {
				t.Errorf("%s: %v", c.Name, err)
			}
		}
		if len(c.RecipeData) > 0 {
			if _, err := vision.ParseRecipe(c.RecipeData); err != nil {
				t.Errorf("%s: %v", c.Name, err)
			}
		}
		if c.Labels != "" {
			if _, err := label.Open(c.Labels); err != nil {
				t.Errorf("%s: %v", c.Name, err)
			}
		}
		if c.Title == "" || c.About == "" || c.Task == "" || c.Licence == "" || c.Line == "" {
			t.Errorf("%s: title, description, task, licence or line is missing: %+v", c.Name, c)
		}
		if c.Builtin {
			continue
		}
		data, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := zoo.ParseCards(data); err != nil {
			t.Errorf("%v", err)
		}
	}
}

// manifestEntry is what the ONNX model zoo's own manifest says of a file.
type manifestEntry struct {
	Path     string `json:"model_path"`
	Opset    int    `json:"opset_version"`
	Metadata struct {
		SHA     string   `json:"model_sha"`
		Bytes   int64    `json:"model_bytes"`
		Tags    []string `json:"tags"`
		Archive string   `json:"model_with_data_path"`
		ASHA    string   `json:"model_with_data_sha"`
		ABytes  int64    `json:"model_with_data_bytes"`
	} `json:"metadata"`
}

// Every vision entry of the manifest is in the catalogue, to the byte.
func TestAgainstManifest(t *testing.T) {
	data, err := os.ReadFile(shared.Path(t, "zoo", "ONNX_HUB_MANIFEST.json"))
	if err != nil {
		t.Fatal(err)
	}
	var manifest []manifestEntry
	if err := json.Unmarshal(data, &manifest); err != nil {
		t.Fatal(err)
	}
	byPath := map[string]*zoo.Card{}
	for _, c := range zoo.Published().Cards() {
		byPath[c.Path] = c
	}
	vision := 0
	for _, e := range manifest {
		if len(e.Path) < 17 || e.Path[:17] != "validated/vision/" {
			continue
		}
		vision++
		c := byPath[e.Path]
		if c == nil {
			t.Errorf("%s is not in the catalogue", e.Path)
			continue
		}
		m := e.Metadata
		if c.Bytes != m.Bytes || c.SHA256 != m.SHA || c.Opset != e.Opset {
			t.Errorf("%s: %d bytes, sha256 %s, opset %d; the manifest says %d, %s, %d", c.Name, c.Bytes, c.SHA256, c.Opset, m.Bytes, m.SHA, e.Opset)
		}
		if a := c.Archive; a.Path != m.Archive || a.Bytes != m.ABytes || a.SHA256 != m.ASHA {
			t.Errorf("%s: archive %+v; the manifest says %+v", c.Name, a, m)
		}
	}
	if vision != 172 {
		t.Errorf("%d vision entries in the manifest", vision)
	}
}

// The committed tables are those that the shared data holds.
func TestSameFacts(t *testing.T) {
	for _, name := range []string{"vision_models.tsv", "recipes.tsv", "extra_models.tsv"} {
		want, err := os.ReadFile(shared.Path(t, "zoo", name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile("../facts/" + name)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s differs from the shared one (%v)", name, err)
		}
	}
}
