package engine_test

import (
	"context"
	"fmt"
	"log"

	"github.com/visionzoo/vision/assets"
	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/tensor"
)

// Opens a model, here the one inside the binary, and runs it on a grey picture.
func Example() {
	s, err := engine.OpenBytes(assets.Model())
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	in, out := s.Inputs()[0], s.Outputs()[0]
	fmt.Println(in.Name, in.Fact, "to", out.Name, out.Fact)

	results, err := s.Run(context.Background(), engine.Values{in.Name: tensor.New(tensor.Float32, 2, 3, 32, 32)})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(results[out.Name].Shape())
	// Output:
	// picture float32[N 3 32 32] to probabilities float32[N 10]
	// [2 10]
}

// A file is opened once; each run takes its inputs by name.
func ExampleOpen() {
	s, err := engine.Open("../assets/model.onnx", engine.Threads(2))
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	x := tensor.New(tensor.Float32, 1, 3, 32, 32) // zeros, N C H W
	pixels := tensor.Data[float32](x)             // the tensor's own memory, row by row
	for i := range pixels {
		pixels[i] = 0.5
	}
	out, err := s.Run(context.Background(), engine.Values{"picture": x})
	if err != nil {
		log.Fatal(err)
	}
	sum := float32(0)
	for _, p := range tensor.Data[float32](out["probabilities"]) {
		sum += p
	}
	fmt.Printf("%v %.2f\n", out["probabilities"], sum)
	// Output: float32[1 10] 1.00
}

// A part of a network, here its last layer.
func ExampleSession_Slice() {
	s, err := engine.OpenBytes(assets.Model())
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	layers := s.Layers()
	last := layers[len(layers)-1]
	part, err := s.Slice(last.Inputs[0].Name, "")
	if err != nil {
		log.Fatal(err)
	}
	defer part.Close()
	fmt.Println(last.Op, part.Inputs()[0].Fact, "to", part.Outputs()[0].Fact)
	// Output: Softmax float32[N 10] to float32[N 10]
}

// A run into tensors of the caller's allocates nothing.
func ExampleSession_RunInto() {
	s, err := engine.OpenBytes(assets.Model(), engine.Threads(1))
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	in := engine.Values{"picture": tensor.New(tensor.Float32, 1, 3, 32, 32)}
	out := engine.Values{"probabilities": tensor.New(tensor.Float32, 1, 10)}
	for range 3 {
		if err := s.RunInto(context.Background(), in, out); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(len(tensor.Data[float32](out["probabilities"])))
	// Output: 10
}

// Looking inside: any value of the graph can be given out.
func ExampleOutputs() {
	plain, err := engine.OpenBytes(assets.Model())
	if err != nil {
		log.Fatal(err)
	}
	first := plain.Layers()[0]
	plain.Close()

	s, err := engine.OpenBytes(assets.Model(), engine.Outputs(first.Outputs[0].Name))
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	out, err := s.Run(context.Background(), engine.Values{"picture": tensor.New(tensor.Float32, 1, 3, 32, 32)})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(first.Op, len(out), out[first.Outputs[0].Name].Rank())
	// Output: Cast 2 4
}

// A mistake comes back as one line that says what was needed.
func ExampleSession_Run_mistake() {
	s, err := engine.OpenBytes(assets.Model())
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	_, err = s.Run(context.Background(), engine.Values{"picture": tensor.New(tensor.Float32, 1, 1, 28, 28)})
	fmt.Println(err)
	// Output: model: input "picture" takes float32[N 3 32 32], not float32[1 1 28 28]
}
