//go:build linux && amd64

package main

import "testing"

// TestHideAVX512 hides AVX-512 from one thread; faults of Go's own are still Go's.
func TestHideAVX512(t *testing.T) {
	if !showsAVX512() {
		t.Skip("this processor has no AVX-512 to hide; run the test on one that has")
	}
	type result struct {
		err       error
		shows     bool
		recovered any
	}
	results := make(chan result)
	go func() { // on a thread that ends with this goroutine
		var r result
		if r.err = hideAVX512(); r.err == nil {
			r.shows = showsAVX512()
			func() {
				defer func() { r.recovered = recover() }()
				var p *int
				*p = 1
			}()
		}
		results <- r
	}()
	r := <-results
	if r.err != nil {
		t.Skip(r.err)
	}
	if r.shows {
		t.Error("the thread still sees AVX-512")
	}
	if r.recovered == nil {
		t.Error("a nil pointer did not panic")
	}
	if !showsAVX512() {
		t.Error("another thread does not see AVX-512 any more")
	}
}
