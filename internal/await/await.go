// Package await waits for calls that cannot be cancelled.
package await

import (
	"context"
	"errors"
)

// ErrNil is the error of a context that is nil.
var ErrNil = errors.New("the context is nil; use context.Background()")

// Check returns the error of a context that is done, or is nil.
func Check(ctx context.Context) error {
	if ctx == nil {
		return ErrNil
	}
	return ctx.Err()
}

// Do returns what call returns, or the context's error once that is done. A call that
// cannot be cancelled, such as reading from a pipe, goes on in the background.
func Do[T any](ctx context.Context, call func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := call()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}
