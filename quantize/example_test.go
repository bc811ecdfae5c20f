package quantize_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/quantize"
	"github.com/visionzoo/vision/vision"
	"github.com/visionzoo/vision/zoo"
)

// Makes an int8 network of the built-in one and writes it to a file. Three
// pictures do for an example; 50 to 200 like those to come give good ranges.
func ExampleSession() {
	m, err := zoo.Load("", zoo.WithEngine(quantize.Prepare()))
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	pictures := []string{"cat.png", "horse.png", "truck.png"}
	samples := quantize.Samples{Count: len(pictures), Load: func(i int) (engine.Values, error) {
		img, err := vision.Open(filepath.Join("../assets/samples", pictures[i]))
		if err != nil {
			return nil, err
		}
		x, _, err := m.Encoder().Encode(img)
		return engine.Values{m.Input(): x}, err
	}}
	r, err := quantize.Session(context.Background(), m.Session(), samples, quantize.Options{Exact: true})
	if err != nil {
		log.Fatal(err)
	}
	path := filepath.Join(os.TempDir(), fmt.Sprintf("vision-example-%d.onnx", os.Getpid()))
	if err := r.WriteFile(path); err != nil {
		log.Fatal(err)
	}
	defer os.Remove(path)
	integer := 0
	for _, l := range r.Layers {
		if l.Integer {
			integer++
		}
	}
	fmt.Println(integer, "of", len(r.Layers), "layers in int8; smaller:", r.Bytes < r.Float/2, "agrees:", r.Agreement)
	// Output: 8 of 8 layers in int8; smaller: true agrees: 1
}
