package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/visionzoo/vision/internal/await"
)

// readFile reads a user's file, which may be a pipe that nobody writes to. Errors
// of read are prefixed with the file's name.
func readFile[T any](ctx context.Context, path string, read func(io.Reader) (T, error)) (T, error) {
	return await.Do(ctx, func() (T, error) {
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
