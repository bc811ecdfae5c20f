package main

import (
	"context"
	"fmt"
	"io"
	"os"
)

// await returns what do returns, or the context's error once that is done. A call
// that waits for the other end of a pipe cannot be cancelled; it lasts until the
// program ends.
func await[T any](ctx context.Context, do func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		v, err := do()
		done <- result{v, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// readFile reads a user's file, which may be a pipe that nobody writes to. Errors
// of read are prefixed with the file's name.
func readFile[T any](ctx context.Context, path string, read func(io.Reader) (T, error)) (T, error) {
	return await(ctx, func() (T, error) {
		var none T
		f, err := os.Open(path)
		if err != nil {
			return none, err
		}
		defer f.Close()
		v, err := read(f)
		if err != nil {
			return none, fmt.Errorf("%s: %w", path, err)
		}
		return v, nil
	})
}
