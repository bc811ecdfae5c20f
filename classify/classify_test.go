package classify_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"testing"
	"time"

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

// A web server that labels uploads, with limits on their bytes, pixels, memory and time.
func ExampleImageContext() {
	m, err := zoo.Load("")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	serve := func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
		defer cancel()
		img, err := vision.Decode(http.MaxBytesReader(w, r.Body, 10<<20), vision.EndedBy(ctx), vision.PixelLimit(50e6), vision.MemoryLimit(256<<20))
		var long *http.MaxBytesError
		var wrong *vision.FormatError      // broken, or no picture
		var other *vision.UnsupportedError // a picture of another kind
		switch {
		case errors.Is(err, vision.ErrLimit), errors.As(err, &long):
			http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
			return
		case errors.As(err, &wrong), errors.As(err, &other):
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
			return
		case err != nil: // the time is up, or the client is gone
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		top, err := classify.ImageContext(ctx, m, img, classify.Top(1))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		top[0].Probability = math.Round(100 * top[0].Probability)
		_ = json.NewEncoder(w).Encode(top)
	}
	for _, name := range []string{"samples/cat.png", "assets.go"} {
		upload, err := os.Open("../assets/" + name)
		if err != nil {
			fmt.Println(err)
			return
		}
		answer := httptest.NewRecorder()
		serve(answer, httptest.NewRequest("POST", "/", upload))
		upload.Close()
		fmt.Print(answer.Code, " ", answer.Body)
	}
	// Output:
	// 200 [{"rank":1,"index":3,"label":"cat","probability":99}]
	// 422 this is plain text, not a picture
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
