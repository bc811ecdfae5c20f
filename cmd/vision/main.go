// Vision names what is in pictures: classification, detection and anything
// else that an ONNX network computes.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	endNotByPipes()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends what does not listen, such as a file that is a pipe without a writer
	os.Exit(run(ctx, os.Args, os.Stdin, os.Stdout, os.Stderr))
}
