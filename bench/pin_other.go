//go:build !linux

package main

// pin does nothing where processes cannot be kept on processors.
func pin(int) (undo func(), err error) { return func() {}, nil }
