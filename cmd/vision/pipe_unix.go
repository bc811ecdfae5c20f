//go:build unix

package main

import (
	"os/signal"
	"syscall"
)

// endNotByPipes turns a write to a pipe without a reader into an error. By default
// a signal would end the program at once and leave half-written files behind.
func endNotByPipes() { signal.Ignore(syscall.SIGPIPE) }
