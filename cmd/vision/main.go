// Vision classifies pictures, finds objects in them, and runs any ONNX network.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v2"
)

func main() {
	endNotByPipes()
	cli.HelpPrinter = printHelp
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program even where it does not check the context, such as in reading a pipe without a writer
	os.Exit(run(ctx, os.Args, os.Stdin, os.Stdout, os.Stderr))
}
