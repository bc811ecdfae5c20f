package kernel

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// eachRung runs a test on each rung of this machine.
func eachRung(t *testing.T, test func(t *testing.T, k *Rung)) {
	t.Helper()
	for _, k := range rungs() {
		t.Run(k.Name, func(t *testing.T) { test(t, k) })
	}
}

// eachF32Rung is eachRung for float32 kernels: those of vnni and above are avx512's, those
// of dotprod and i8mm neon's.
func eachF32Rung(t *testing.T, test func(t *testing.T, k *Rung)) {
	t.Helper()
	for _, k := range rungs() {
		if !slices.Contains([]string{"vnni", "avx512bf16", "amx", "dotprod", "i8mm"}, k.Name) {
			t.Run(k.Name, func(t *testing.T) { test(t, k) })
		}
	}
}

func TestRungsAreComplete(t *testing.T) {
	eachRung(t, func(t *testing.T, k *Rung) {
		v := reflect.ValueOf(k).Elem()
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("field %s is empty", v.Type().Field(i).Name)
			}
		}
	})
}

func TestSelect(t *testing.T) {
	names := Available()
	if names[0] != "purego" {
		t.Fatalf("lowest rung is %q", names[0])
	}
	for _, name := range names {
		r, err := Select(name)
		if err != nil || r.Name != name {
			t.Errorf("Select(%q) = %v, %v", name, r, err)
		}
	}
	_, err := Select("mmx")
	if err == nil || !strings.Contains(err.Error(), `"mmx"`) || !strings.Contains(err.Error(), "purego") {
		t.Errorf("error %v names neither what was asked nor what there is", err)
	}
}

func TestBest(t *testing.T) {
	names := Available()
	want := names[len(names)-1]
	if env := os.Getenv("VISION_CPU"); slices.Contains(names, env) {
		want = env
	}
	if got := Best().Name; got != want {
		t.Errorf("Best() is %s, want %s", got, want)
	}
}
