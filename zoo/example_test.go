package zoo_test

import (
	"context"
	"fmt"
	"log"

	"github.com/visionzoo/vision/assets/label"
	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/vision"
	"github.com/visionzoo/vision/zoo"
)

// A name without version is the newest float32 file; an opset or a variant can be
// asked for.
func ExampleCatalogue_Find() {
	all := zoo.Published()
	for _, name := range []string{"resnet50", "ResNet_50@7", "resnet50-int8", "squeezenet1.1"} {
		card, err := all.Find(name)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(card.Name, zoo.Size(card.Bytes), card.Recipe)
	}
	_, err := all.Find("resnet5O")
	fmt.Println(err)
	// Output:
	// resnet50-v1-12 97.8 MiB imagenet
	// resnet50-v1-7 97.8 MiB imagenet
	// resnet50-v1-12-int8 24.6 MiB imagenet
	// squeezenet1.1-7 4.7 MiB imagenet
	// model "resnet5O" is not in the zoo; did you mean resnet50, resnet18, resnet34? (vision zoo list)
}

// A model file of one's own, with the recipe that it was trained with.
func ExampleWithRecipe() {
	recipe, err := vision.ParseRecipe([]byte(`{"name":"mine","size":[32,32],"resize":"shorter 32 bilinear antialias","crop":"center 32","scale":"1/255"}`))
	if err != nil {
		log.Fatal(err)
	}
	m, err := zoo.Load("../assets/model.onnx", zoo.WithRecipe(recipe))
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	fmt.Println(m.Encoder().Recipe().Name, m.Input(), m.Session().Outputs())
	// Output: mine picture ["probabilities" float32[N 10]]
}

// Words find models by task, family, variant, licence and so on.
func ExampleCatalogue_Search() {
	for _, card := range zoo.Published().Search("detect", "faces") {
		fmt.Println(card.Name, card.Task)
	}
	// Output:
	// version-RFB-320-int8 detect faces
	// version-RFB-320 detect faces
	// version-RFB-640 detect faces
	// yunet detect faces
	// yunet-int8 detect faces
}

// An entry of a user's own, as in a file of UserFolder.
func ExampleParseCards() {
	cards, err := zoo.ParseCards([]byte(`{"name":"mynet","variant":"f32","path":"nets/mynet.onnx","bytes":1356412,"task":"classify",
		"sha256":"93bd6cbc0a3c0b8d94a1a4ff35f0d8c2e1c8eaa5d6b7f0c1ce7d4e5f60718293","recipe":"imagenet","classes":["cat","dog"]}`))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(cards[0].Name, zoo.Size(cards[0].Bytes), cards[0].Example())
	// Output: mynet 1.3 MiB vision classify picture.jpg --model mynet
}

// Verify reads a model's file and compares it with what was published.
func ExampleVerify() {
	check, err := zoo.Verify(context.Background(), "builtin")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(check.SHA256 == check.Card.SHA256)
	// Output: true
}

// The built-in model needs neither network nor cache.
func ExampleModel_Card() {
	m, err := zoo.Load("")
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	fmt.Println(m.Card().Name, m.Labels().Name(), m.Labels().Len(), m.Encoder().Recipe().Size)
	// Output: builtin cifar10 10 [32 32]
}

// A network that was made in the program, such as an importer's graph, gets what a
// file would get.
func ExampleFromSession() {
	b := ir.NewBuilder(21)
	x := b.Input("x", tensor.Float32, ir.Dims(1, 3, 32, 32))
	b.Output("y", b.Node("Flatten", []*ir.Value{b.Node("GlobalAveragePool", []*ir.Value{x})}))
	made, err := b.Model()
	if err != nil {
		log.Fatal(err)
	}
	s, err := engine.OpenModel(made)
	if err != nil {
		log.Fatal(err)
	}
	m, err := zoo.FromSession("means", s, zoo.WithLabels(label.New("colours", "red", "green", "blue")))
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	fmt.Println(m.Guess())
	// Output:
	// means: no recipe is known for this model; its input (float32, NCHW, 3 channels, 32 x 32) suggests "cifar": it takes 32 x 32 pixels; to set it, give --recipe
}
