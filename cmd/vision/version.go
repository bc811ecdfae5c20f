package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"
)

func versionCommand() *cli.Command {
	return &cli.Command{
		Name:      "version",
		Usage:     "print version, commit, Go and the CPU kernels in use",
		UsageText: "vision version\nvision version --json",
		Flags:     []cli.Flag{jsonFlag},
		Action:    printVersion,
	}
}

func printVersion(c *cli.Context) error {
	if c.Bool("json") {
		printJSON(c.App.Writer, map[string]string{"version": version(), "commit": commit(), "go": runtime.Version(),
			"system": runtime.GOOS + "/" + runtime.GOARCH, "cpu": usedCPU()})
		return nil
	}
	fmt.Fprintf(c.App.Writer, "vision %s, commit %s, %s %s/%s, kernels %s\n", version(), commit(),
		runtime.Version(), runtime.GOOS, runtime.GOARCH, usedCPU())
	return nil
}

// version is the module's version as the binary was built.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(devel)"
	}
	return cmp.Or(info.Main.Version, "(devel)")
}

func commit() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return "unknown"
}
