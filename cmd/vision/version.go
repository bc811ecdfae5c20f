package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"

	"github.com/visionzoo/vision/engine"
)

func versionCommand() *cli.Command {
	return &cli.Command{
		Name:  "version",
		Usage: "print version, commit, Go and the CPU kernels in use",
		Action: func(c *cli.Context) error {
			version, commit := "(devel)", "unknown"
			if info, ok := debug.ReadBuildInfo(); ok {
				if v := info.Main.Version; v != "" {
					version = v
				}
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" {
						commit = s.Value
					}
				}
			}
			fmt.Fprintf(c.App.Writer, "vision %s, commit %s, %s %s/%s, kernels %s\n", version, commit,
				runtime.Version(), runtime.GOOS, runtime.GOARCH, engine.BestCPU())
			return nil
		},
	}
}
