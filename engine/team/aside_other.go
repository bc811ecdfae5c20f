//go:build !linux

package team

import "runtime"

// stepAside lets others run.
func stepAside() { runtime.Gosched() }
