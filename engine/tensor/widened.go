package tensor

import (
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// widened is the memory behind a tensor of Widened and its views: float32 numbers that are made of
// those of from when somebody asks for them, once.
type widened struct {
	from *Tensor
	once sync.Once
	data []byte
}

// Widened returns the numbers of a float16 or bfloat16 tensor as float32. They take no
// memory until their bytes are asked for; code that packs them asks for Narrow instead.
// The narrow tensor must not change.
func Widened(t *Tensor) *Tensor {
	return &Tensor{dtype: Float32, shape: t.shape, wide: &widened{from: t}}
}

// Narrow returns the float16 or bfloat16 numbers, in a shape of their own, from which
// Widened made this tensor or the one that it is a view of; nil for any other tensor.
func (t *Tensor) Narrow() *Tensor {
	if t.wide == nil || t.dtype != Float32 {
		return nil
	}
	return t.wide.from
}

func (w *widened) bytes() []byte {
	w.once.Do(func() {
		t := New(Float32, w.from.Len())
		to := Data[float32](t)
		if w.from.dtype == BFloat16 {
			widenTo(to, Data[BFloat16Bits](w.from), BFloat16Bits.Float32)
		} else {
			widenTo(to, Data[Float16Bits](w.from), Float16Bits.Float32)
		}
		w.data = t.data
	})
	return w.data
}

// widenTo converts ranges of numbers, large ones on all processors.
func widenTo[T any](to []float32, from []T, f func(T) float32) {
	var all sync.WaitGroup
	var failed atomic.Pointer[any]
	each := max(1<<16, (len(to)+runtime.GOMAXPROCS(0)-1)/runtime.GOMAXPROCS(0))
	for at := 0; at < len(to); at += each {
		all.Go(func() {
			defer func() {
				if r := recover(); r != nil {
					failed.Store(&r)
				}
			}()
			debug.SetPanicOnFault(true) // from may lie in a file that shrinks
			for i := at; i < min(at+each, len(to)); i++ {
				to[i] = f(from[i])
			}
		})
	}
	all.Wait()
	if r := failed.Load(); r != nil {
		panic(*r)
	}
}
