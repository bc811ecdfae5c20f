package classify_test

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/visionzoo/vision/assets/label"
	"github.com/visionzoo/vision/classify"
	"github.com/visionzoo/vision/vision"
	"github.com/visionzoo/vision/zoo"
)

// Names what is in a picture, with the model inside the binary.
func ExampleImage() {
	m, err := zoo.Load("") // the built-in model of ten classes; "resnet50" has ImageNet's thousand
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	img, err := vision.Open("../assets/samples/cat.png")
	if err != nil {
		fmt.Println(err)
		return
	}
	top, err := classify.Image(m, img, classify.Top(3))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range top {
		fmt.Printf("%3.0f %% %s\n", 100*p.Probability, p.Label)
	}
	// Output:
	//  99 % cat
	//   0 % dog
	//   0 % automobile
}

func TestRank(t *testing.T) {
	nan := math.NaN()
	labels := label.New("letters", "a", "b", "c")
	for _, c := range []struct {
		why  string
		p    []float64
		n    int
		want string
	}{
		{"ties go to the lower index", []float64{.4, .4, .2}, 2, "ab"},
		{"NaN ranks last", []float64{nan, .1, .2}, 3, "cba"},
		{"more asked than there are", []float64{.1, .2, .7}, 9, "cba"},
		{"none asked", []float64{.1, .2, .7}, 0, ""},
	} {
		got := ""
		for _, p := range classify.Rank(c.p, labels, c.n) {
			got += p.Label
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.why, got, c.want)
		}
	}
}

func TestSoftmax(t *testing.T) {
	if p := classify.Softmax([]float64{.25, .75}); p[1] != .75 {
		t.Errorf("probabilities were changed to %v", p)
	}
	p := classify.Softmax([]float64{1000, 1000})
	if p[0] != .5 || p[1] != .5 {
		t.Errorf("large logits gave %v", p)
	}
}

// Whatever the length and however many are asked for, the most probable are
// those that sorting everything gives.
func TestRankAgainstSorting(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		p := make([]float64, 1+rng.IntN(300))
		for i := range p {
			if p[i] = float64(rng.IntN(50)); rng.IntN(20) == 0 {
				p[i] = math.NaN()
			}
		}
		all := make([]int, len(p))
		for i := range all {
			all[i] = i
		}
		slices.SortStableFunc(all, func(a, b int) int { return cmp.Compare(p[b], p[a]) })
		n := 1 + rng.IntN(len(p))
		for k, got := range classify.Rank(p, nil, n) {
			if got.Index != all[k] || got.Label != fmt.Sprintf("class %d", all[k]) {
				t.Fatalf("%v\nrank %d of %d is %+v, want index %d", p, k+1, n, got, all[k])
			}
		}
	}
}
