//go:build !linux || !amd64

package main

import "errors"

func hideAVX512() error {
	return errors.New("--as-avx2 needs Linux on an Intel processor")
}
