package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"github.com/visionzoo/vision/internal/nearest"
)

// toggle is a flag without a value.
func toggle(name, does string, aliases ...string) *cli.BoolFlag {
	return &cli.BoolFlag{Name: name, Aliases: aliases, Usage: does, DisableDefaultText: true}
}

// finish gives every command what cli would set for the program alone: how wrong
// flags are reported, and no help command of its own.
func finish(commands []*cli.Command) {
	for _, c := range commands {
		c.OnUsageError, c.HideHelpCommand, c.Before = flagError, true, notEmpty
		finish(c.Subcommands)
	}
}

// notEmpty refuses flags and arguments that are given as "", as by a shell's variable
// that is not set: their defaults are not what was meant. Empty pictures are reported one by one.
func notEmpty(c *cli.Context) error {
	for _, f := range c.Command.Flags {
		if s, ok := f.(*cli.StringFlag); ok && c.IsSet(s.Name) && c.String(s.Name) == "" {
			return usage("%s is empty; give it a value or leave it out", dashed(s.Name))
		}
	}
	if takes := c.Command.ArgsUsage; takes != "" && takes != "PIC..." && slices.Contains(c.Args().Slice(), "") {
		return usage("%s: an argument is empty; it takes %s", c.Command.Name, c.Command.ArgsUsage)
	}
	return nil
}

// helpCommand prints the same help as --help after a command.
func helpCommand() *cli.Command {
	return &cli.Command{
		Name: "help", Usage: "print the help of a command", UsageText: "vision help\nvision help zoo pull", ArgsUsage: "[COMMAND]", Hidden: true,
		Action: func(c *cli.Context) error {
			if !c.Args().Present() {
				return cli.ShowAppHelp(c)
			}
			args := []string{"vision"}
			commands := c.App.Commands
			for _, name := range c.Args().Slice() {
				found := find(commands, name)
				if found == nil {
					return noCommand(strings.Join(append(args, name), " "), commands)
				}
				args, commands = append(args, found.Name), found.Subcommands
			}
			return newApp(c.App.Reader, c.App.Writer, c.App.ErrWriter).RunContext(c.Context, append(args, "--help"))
		},
	}
}

// printHelp is cli's function of that name, with lines that fit the terminal.
func printHelp(out io.Writer, template string, data any) {
	width := columns(out)
	if width == 0 {
		cli.HelpPrinterCustom(out, template, data, nil)
		return
	}
	var text strings.Builder
	cli.HelpPrinterCustom(&text, template, data, nil)
	_, _ = io.WriteString(out, wrapHelp(text.String(), width))
}

// leastText is how many columns a text needs beside the name of its flag; where there are
// fewer, it begins below.
const leastText = 30

// wrapHelp breaks lines of two columns, a flag and what it does, that are longer than width,
// and goes on below the second. Others are commands, which stay in one piece.
func wrapHelp(text string, width int) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		start := len(line) - len(strings.TrimLeft(line, " "))
		gap := strings.Index(line[start:], "  ")
		if utf8.RuneCountInString(line) <= width+1 || gap < 0 { // with its newline
			out.WriteString(line)
			continue
		}
		name, does := line[:start+gap], strings.TrimLeft(line[start+gap:], " ")
		indent := utf8.RuneCountInString(line) - utf8.RuneCountInString(does)
		at := utf8.RuneCountInString(name)
		out.WriteString(name)
		if width-indent < leastText {
			indent, at = 2*start, width
		}
		for _, word := range strings.Fields(does) {
			n := utf8.RuneCountInString(word)
			switch {
			case at < indent:
				out.WriteString(strings.Repeat(" ", indent-at))
				at = indent
			case at+1+n > width:
				out.WriteString("\n" + strings.Repeat(" ", indent))
				at = indent
			default:
				out.WriteString(" ")
				at++
			}
			out.WriteString(word)
			at += n
		}
		out.WriteString("\n")
	}
	return out.String()
}

// group is the action of a command that has subcommands: it prints help, or fails
// for a word that is none of them.
func group(c *cli.Context) error {
	if word := c.Args().First(); word == "" || word == "help" {
		return cli.ShowSubcommandHelp(c)
	}
	return noCommand(c.Command.HelpName+" "+c.Args().First(), c.Command.Subcommands)
}

// noCommand is the error for an unknown command, with a suggestion from those
// given.
func noCommand(line string, among []*cli.Command) error {
	words := strings.Fields(line)
	word := ""
	if len(words) > 0 {
		word = words[len(words)-1]
	}
	hint := nearest.Hint(word, commandNames(among))
	return usage("there is no command %q%s (%s --help lists them)", strings.TrimPrefix(line, "vision "), hint, strings.TrimSuffix(line, " "+word))
}

// flagError rewords the flag parser's errors in this program's own way.
func flagError(c *cli.Context, err error, _ bool) error {
	path := c.Command.HelpName
	if path == "" {
		path = "vision"
	}
	msg := err.Error()
	if name, ok := strings.CutPrefix(msg, "flag provided but not defined: -"); ok {
		for _, file := range []string{"-" + name, "--" + name} {
			if _, err := os.Lstat(file); err == nil {
				return usage("%s has no flag %s; the file of that name is ./%s", strings.TrimPrefix(path, "vision "), file, file)
			}
		}
		hint := strings.Join(nearest.Words(name, longNames(c.Command.Flags), 1), "")
		if of := ownerOf(c.App.Commands, name); path == "vision" && of != "" {
			hint = "; it stands after a command: vision " + of + " " + dashed(name)
		} else if hint != "" {
			hint = "; did you mean " + dashed(hint) + "?"
		}
		return usage("%s has no flag %s%s (%s --help lists them)", strings.TrimPrefix(path, "vision "), dashed(name), hint, path)
	}
	if name, ok := strings.CutPrefix(msg, "flag needs an argument: -"); ok {
		return usage("%s needs a value", dashed(name))
	}
	for _, format := range []string{"invalid value %q for flag -%s", "invalid boolean value %q for -%s"} {
		var value, name string
		if n, _ := fmt.Sscanf(msg, format, &value, &name); n == 2 {
			name = strings.TrimSuffix(name, ":")
			return usage("%s %q: must be %s", dashed(name), value, kindOf(c.Command.Flags, name))
		}
	}
	return &exitError{exitUsage, err}
}

// ownerOf is the first command that has a flag, "" if none does.
func ownerOf(commands []*cli.Command, flag string) string {
	for _, c := range commands {
		for _, f := range c.Flags {
			if slices.Contains(f.Names(), flag) {
				return c.Name
			}
		}
	}
	return ""
}

func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + strings.TrimPrefix(name, "-")
}

// longNames are the flags of more than one letter, without dashes.
func longNames(flags []cli.Flag) (names []string) {
	for _, f := range flags {
		for _, n := range f.Names() {
			if len(n) > 1 {
				names = append(names, n)
			}
		}
	}
	return names
}

// kindOf says what a flag takes.
func kindOf(flags []cli.Flag, name string) string {
	for _, f := range flags {
		for _, n := range f.Names() {
			if n != name {
				continue
			}
			switch f.(type) {
			case *cli.IntFlag:
				return "a whole number"
			case *cli.Float64Flag:
				return "a number"
			case *cli.DurationFlag:
				return "a time, as 30s or 2m"
			case *cli.BoolFlag:
				return "true or false, or nothing"
			}
		}
	}
	return "another value"
}
