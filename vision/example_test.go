package vision_test

import (
	"context"
	"fmt"
	"log"
	"path/filepath"

	"github.com/visionzoo/vision/assets"
	"github.com/visionzoo/vision/vision"
)

// From the bytes of a picture to a network's input, and back to its pixels.
func Example() {
	f, err := assets.Samples().Open("cat.png")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	img, err := vision.Decode(f)
	if err != nil {
		log.Fatal(err)
	}
	recipe, err := vision.Named("imagenet")
	if err != nil {
		log.Fatal(err)
	}
	encoder, err := vision.NewEncoder(recipe)
	if err != nil {
		log.Fatal(err)
	}
	x, geometry, err := encoder.Encode(img)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(img.Width, img.Height, x)
	fmt.Println(geometry.Point(112, 112))
	// Output:
	// 32 32 float32[1 3 224 224]
	// 16 16
}

// A file is recognised by its content, and turned upright.
func ExampleOpen() {
	img, err := vision.Open("../assets/samples/cat.png")
	if err != nil {
		log.Fatal(err)
	}
	small, err := vision.Thumbnail(img, 16, 16)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(img.Bounds(), small.Bounds())
	// Output: (0,0)-(32,32) (0,0)-(16,16)
}

// The pictures of a folder, decoded one by one.
func ExampleSources() {
	for source, err := range vision.Sources([]string{"../assets/samples"}) {
		if err != nil {
			log.Print(err) // the rest goes on
			continue
		}
		img, err := source.Open(context.Background())
		if err != nil {
			log.Print(err)
			continue
		}
		fmt.Println(filepath.Base(source.Name), img.Width, img.Height)
	}
	// Output:
	// cat.png 32 32
	// horse.png 32 32
	// truck.png 32 32
}

// A recipe in words, as users write it in a file.
func ExampleParseRecipe() {
	r, err := vision.ParseRecipe([]byte(`{"size":[224,224],"resize":"shorter 256 bilinear antialias","crop":"center 224","scale":"1/255"}`))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Resize, "|", r.Crop)
	_, err = vision.ParseRecipe([]byte(`{"crop":"middle 224"}`))
	fmt.Println(err)
	// Output:
	// shorter 256 bilinear antialias | center 224x224
	// recipe: crop "middle 224" is neither none nor center [SIZE] [truncate]
}

// Resizing gives Pillow's bytes.
func ExampleResize() {
	img := vision.NewImage(4, 1)
	copy(img.Pix, []byte{0, 0, 0, 100, 100, 100, 200, 200, 200, 255, 255, 255})
	small, err := vision.Resize(img, 2, 1, vision.Bilinear)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(small.Pix)
	// Output: [71 71 71 209 209 209]
}

// Marks are drawn on a copy of the picture.
func ExampleDraw() {
	img := vision.NewImage(64, 48)
	marked, err := vision.Draw(img, []vision.Mark{{Label: "cat", Score: 0.9, Box: [4]float64{8, 8, 40, 40}}})
	if err != nil {
		log.Fatal(err)
	}
	changed := 0
	for i := range img.Pix {
		if marked.Pix[i] != img.Pix[i] {
			changed++
		}
	}
	fmt.Println(marked.Width, marked.Height, changed > 100)
	// Output: 64 48 true
}
