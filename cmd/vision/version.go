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
	if c.Args().Present() {
		return usage("version takes no arguments")
	}
	cpu, err := usedCPU()
	if err != nil {
		cpu = "none (" + err.Error() + ")"
	}
	if c.Bool("json") {
		printJSON(c.App.Writer, map[string]string{"version": version(), "commit": commit(), "go": runtime.Version(),
			"system": runtime.GOOS + "/" + runtime.GOARCH, "cpu": cpu})
		return nil
	}
	fmt.Fprintf(c.App.Writer, "vision %s, commit %s, %s %s/%s, kernels %s\n", version(), commit(),
		runtime.Version(), runtime.GOOS, runtime.GOARCH, oneLine(cpu))
	return nil
}

// version is the version of the module from which the binary was built.
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
