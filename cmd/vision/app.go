package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/internal/pictures"
	"github.com/visionzoo/vision/internal/printable"
)

// Exit codes.
const (
	exitFailed      = 1 // some input failed, the rest was done
	exitUsage       = 2
	exitModel       = 3 // the model could not be fetched or opened
	exitInterrupted = 130
	exitClosed      = 141 // the reader of the results is gone, as in "| head": 128 plus SIGPIPE, as shells report it
)

// exitError is an error with its exit code. One without a message has been reported
// already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func usage(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

func noModel(err error) error { return &exitError{exitModel, err} }

// failed ends the program with code 1; the failures have been reported one by one.
func failed() error { return &exitError{exitFailed, nil} }

// run is the program: it returns the exit code.
func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) (code int) {
	defer func() {
		if r := recover(); r != nil {
			fmt.Fprintln(errOut, "vision: "+oneLine(bug(r)))
			code = exitFailed
		}
	}()
	pictures.Register()
	work, stop := context.WithCancel(ctx)
	defer stop()
	out, errOut, flush := hold(out, errOut, stop)
	app := newApp(in, out, errOut)
	err := limitMemory()
	if err == nil {
		err = app.RunContext(work, reorder(app, args))
	}
	failure := flush()
	if errors.Is(failure, syscall.EPIPE) {
		return exitClosed
	}
	if failure != nil {
		var p *fs.PathError
		if errors.As(failure, &p) { // its path is a name of standard output
			failure = p.Err
		}
		err = fmt.Errorf("standard output: %w", failure)
	}
	if err == nil {
		return 0
	}
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		fmt.Fprintln(errOut, "vision: interrupted")
		return exitInterrupted
	}
	code = exitFailed
	var coded *exitError
	if errors.As(err, &coded) {
		code = coded.code
	}
	if msg := oneLine(plain(err)); msg != "" {
		fmt.Fprintln(errOut, "vision: "+msg)
	}
	return code
}

// bug is the message for a panic.
func bug(r any) string {
	return "BUG: " + strings.TrimPrefix(fmt.Sprint(r), "BUG: ") + "; please report it with the command and its input"
}

// plain is an error's message, with the path first if it is about a file: "x.npy:
// no such file or directory".
func plain(err error) string {
	msg := err.Error()
	var p *fs.PathError
	if errors.As(err, &p) {
		msg = strings.Replace(msg, p.Error(), p.Path+": "+p.Err.Error(), 1)
	}
	return msg
}

// oneLine puts a message on one line of printable text.
func oneLine(s string) string { return printable.Line(strings.TrimSpace(s)) }

func newApp(in io.Reader, out, errOut io.Writer) *cli.App {
	all := commands()
	finish(all)
	return &cli.App{
		Name:            "vision",
		Usage:           "name what is in pictures, find objects, and run any ONNX network",
		UsageText:       "vision classify cat.jpg\nvision detect street.jpg --save marked/\nvision zoo list\nvision help detect",
		HideHelpCommand: true,
		HideVersion:     true,
		Reader:          in, Writer: out, ErrWriter: errOut,
		ExitErrHandler:            func(*cli.Context, error) {},
		OnUsageError:              flagError,
		After:                     endDownload,
		DisableSliceFlagSeparator: true,
		Flags:                     []cli.Flag{toggle("version", "print the version"), cli.HelpFlag}, // cli adds none beside a help command of our own
		Commands:                  all,
		Action: func(c *cli.Context) error {
			switch {
			case c.Args().Present():
				return noCommand("vision "+c.Args().First(), all)
			case c.Bool("version"):
				return printVersion(c)
			}
			return cli.ShowAppHelp(c)
		},
	}
}

// commands lists the subcommands, each of which has a file of its own.
func commands() []*cli.Command {
	return []*cli.Command{classifyCommand(), detectCommand(), segmentCommand(), evalCommand(), runCommand(), benchCommand(), inspectCommand(), verifyCommand(), zooCommand(),
		quantizeCommand(), doctorCommand(), completionCommand(), completeCommand(), versionCommand(), helpCommand()}
}

// reorder moves flags in front of the arguments, because the flag parser stops at
// the first argument and users may put flags anywhere. It follows subcommands down;
// "--" ends the flags, and a lone "-" is an argument. A flag for help leaves nothing
// else: the parser would take an argument for a topic.
func reorder(app *cli.App, args []string) []string {
	if len(args) < 2 {
		return args
	}
	commands, flags := app.Commands, app.Flags
	head := []string{args[0]}
	var front, rest []string
	words := args[1:]
	for len(words) > 0 {
		w := words[0]
		words = words[1:]
		switch {
		case w == "--":
			rest = append(append(rest, "--"), words...)
			words = nil
		case slices.Contains([]string{"-h", "-help", "--help"}, w): // whatever else there is
			return append(head, "--help")
		case strings.HasPrefix(w, "-") && w != "-":
			front = append(front, w)
			if !takesValue(flags, w) {
				continue
			}
			if len(words) == 0 { // leave the error to the parser, which would otherwise take an argument for the value
				return append(head, front...)
			}
			front = append(front, words[0])
			words = words[1:]
		default:
			if c := find(commands, w); c != nil && len(rest) == 0 {
				head = append(append(head, front...), w)
				front, commands, flags = nil, c.Subcommands, c.Flags
				continue
			}
			rest = append(rest, w)
			if len(commands) > 0 { // no command has that name: its flags are nobody's, and the name is the error
				rest = append(rest, words...)
				words = nil
			}
		}
	}
	return append(append(head, front...), rest...)
}

func find(commands []*cli.Command, name string) *cli.Command {
	for _, c := range commands {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}

// takesValue reports whether a flag that is written without "=" is followed by
// its value.
func takesValue(flags []cli.Flag, word string) bool {
	name := strings.TrimLeft(word, "-")
	if strings.Contains(name, "=") {
		return false
	}
	for _, f := range flags {
		for _, n := range f.Names() {
			if n == name {
				_, boolean := f.(*cli.BoolFlag)
				return !boolean
			}
		}
	}
	return false
}

// memoryLimit is VISION_MEMORY_LIMIT in bytes, 0 if it is not set.
func memoryLimit() (int64, error) {
	s := os.Getenv("VISION_MEMORY_LIMIT")
	if s == "" {
		return 0, nil
	}
	n, err := parseBytes(s)
	if err != nil {
		return 0, usage("VISION_MEMORY_LIMIT=%s: %w", s, err)
	}
	return n, nil
}

// runLimit is how much memory a run may use, in bytes: VISION_MEMORY_LIMIT, else what the
// engine takes from this machine's.
func runLimit() (int64, error) {
	n, err := memoryLimit()
	if n == 0 {
		_, n = engine.Memory()
	}
	return n, err
}

// limitMemory sets VISION_MEMORY_LIMIT as the garbage collector's limit too, so
// that it works harder before the limit is reached.
func limitMemory() error {
	n, err := memoryLimit()
	if n > 0 {
		debug.SetMemoryLimit(n)
	}
	return err
}

// parseBytes reads "1GiB", "512MiB", "2000000".
func parseBytes(s string) (int64, error) {
	units := []struct {
		suffix string
		size   float64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}, {"", 1}}
	for _, u := range units {
		if number, ok := strings.CutSuffix(s, u.suffix); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
			if err != nil || v <= 0 || v*u.size > 1<<62 {
				break
			}
			return int64(v * u.size), nil
		}
	}
	return 0, fmt.Errorf("%q is not a size; write for example 1GiB", s)
}

// The flags that several commands share.
var (
	threadsFlag   = &cli.IntFlag{Name: "threads", Usage: "run the network on `N` threads; 0 means one per processor", Value: 0}
	precisionFlag = &cli.StringFlag{Name: "precision", Usage: "compute in `KIND`: f32, f32strict (plain float32, where f32 may use AMX or 8-bit integers) or bf16 (with AMX, or AVX512_BF16 of AMD, faster and less exact)", Value: "f32"}
	jsonFlag      = toggle("json", "print JSON")
)

// engineOptions are the session options that the flags and the environment set.
func engineOptions(c *cli.Context) ([]engine.Option, error) {
	var opts []engine.Option
	if _, err := usedCPU(); err != nil {
		return nil, &exitError{exitUsage, err}
	}
	limit, err := memoryLimit()
	if err != nil {
		return nil, err
	}
	if limit > 0 {
		opts = append(opts, engine.MemoryLimit(limit))
	}
	if n := c.Int("threads"); n < 0 {
		return nil, usage("--threads %d: must be at least 1, or 0 for one per processor", n)
	} else if n > 0 {
		opts = append(opts, engine.Threads(n))
	}
	p, err := engine.ParsePrecision(c.String("precision"))
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	if p == engine.BF16 && !engine.FastBF16() {
		remark(c, fmt.Sprintf("bf16 is no faster with the kernels in use here, %s, which compute in float32", engine.BestCPU()))
	}
	return append(opts, engine.Precision(p)), nil
}
