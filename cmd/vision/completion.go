package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/visionzoo/vision/detect"
	"github.com/visionzoo/vision/quantize"
	"github.com/visionzoo/vision/vision"
	"github.com/visionzoo/vision/zoo"
)

// Each script asks the hidden command __complete, so that it never goes out of
// date.
var completionScripts = map[string]string{
	"bash": `# bash completion for vision. For this shell: source <(vision completion bash)
_vision() {
	local IFS=$'\n'
	COMPREPLY=($(vision __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o bashdefault -o default -F _vision vision
`,
	"zsh": `#compdef vision
# zsh completion for vision. For this shell: source <(vision completion zsh)
_vision() {
	local -a found
	found=("${(@f)$(vision __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
	found=("${(@)found:#}")
	(( ${#found} )) && compadd -a found
	_files
}
if [ "${funcstack[1]}" = "_vision" ]; then
	_vision "$@"
else
	compdef _vision vision
fi
`,
	"fish": `# fish completion for vision. For this shell: vision completion fish | source
function __vision_complete
	set -l words (commandline -opc) (commandline -ct)
	vision __complete -- $words[2..-1] 2>/dev/null
end
complete -c vision -a '(__vision_complete)'
`,
}

func completionCommand() *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "print the completion script of a shell: bash, zsh or fish",
		UsageText: "source <(vision completion bash)\nvision completion zsh > ~/.zfunc/_vision\nvision completion fish > ~/.config/fish/completions/vision.fish",
		ArgsUsage: "bash|zsh|fish",
		Action: func(c *cli.Context) error {
			script, ok := completionScripts[c.Args().First()]
			if !ok || c.Args().Len() != 1 {
				return usage("completion needs the name of a shell: bash, zsh or fish")
			}
			fmt.Fprint(c.App.Writer, script)
			return nil
		},
	}
}

// completeCommand prints the completions of its last argument, one per line. If
// there are none, the shell completes file names.
func completeCommand() *cli.Command {
	return &cli.Command{
		Name: "__complete", Hidden: true,
		Action: func(c *cli.Context) error {
			for _, word := range complete(c.App, c.Args().Slice()) {
				fmt.Fprintln(c.App.Writer, word)
			}
			return nil
		},
	}
}

// complete lists the completions of the last word of a command line; words leaves
// out the program's name.
func complete(app *cli.App, words []string) []string {
	if len(words) == 0 {
		words = []string{""}
	}
	last := words[len(words)-1]
	if last == "=" { // bash splits --model=NAME at the sign
		last = ""
	}
	commands, flags := app.Commands, app.Flags
	path, arguments := "", 0
	var valueOf string // the flag whose value comes next
	for _, w := range words[:len(words)-1] {
		switch c := find(commands, w); {
		case valueOf != "" && w == "=":
		case valueOf != "":
			valueOf = ""
		case strings.HasPrefix(w, "-") && w != "-":
			if takesValue(flags, w) {
				valueOf = strings.TrimLeft(w, "-")
			}
		case w == "help" && path == "" && arguments == 0: // commands follow it too
		case c != nil && arguments == 0:
			path, commands, flags = strings.TrimSpace(path+" "+w), c.Subcommands, c.Flags
		default:
			arguments++
		}
	}
	var all []string
	switch name, _, assigned := strings.Cut(last, "="); {
	case valueOf != "":
		all = flagValues(path, valueOf)
	case assigned && strings.HasPrefix(last, "-"):
		for _, v := range flagValues(path, strings.TrimLeft(name, "-")) {
			all = append(all, name+"="+v)
		}
	case strings.HasPrefix(last, "-"):
		all = flagNames(flags)
	default:
		all = append(commandNames(commands), argumentsOf(path)...)
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(s string) bool { return !strings.HasPrefix(s, last) })
}

func commandNames(commands []*cli.Command) (names []string) {
	for _, c := range commands {
		if !c.Hidden {
			names = append(names, c.Name)
		}
	}
	return names
}

func flagNames(flags []cli.Flag) []string {
	names := []string{"--help"}
	for _, n := range longNames(flags) {
		names = append(names, dashed(n))
	}
	return names
}

// flagValues lists the values a command's flag may have; none means a file, or
// anything.
func flagValues(command, flag string) []string {
	switch flag {
	case "model", "against":
		return modelNames()
	case "recipe":
		return vision.RecipeNames()
	case "head":
		if command == "segment" {
			return detect.SegmentHeads()
		}
		return detect.Heads()
	case "precision":
		return []string{"f32", "f32strict", "bf16"}
	case "method":
		return []string{string(quantize.MSE), string(quantize.Percentile), string(quantize.MinMax)}
	case "type":
		return []string{string(detect.COCOBoxes), string(detect.COCOMasks), string(detect.COCOKeypoints)}
	}
	return nil
}

// argumentsOf lists the arguments a command may have.
func argumentsOf(command string) []string {
	switch command {
	case "run", "bench", "inspect", "quantize", "verify", "zoo show", "zoo pull", "zoo path", "zoo rm", "zoo verify":
		return modelNames()
	case "completion":
		return []string{"bash", "fish", "zsh"}
	case "eval":
		return []string{"coco", "imagenet"}
	}
	return nil
}

func modelNames() (names []string) {
	all, err := zoo.All()
	if err != nil {
		return nil
	}
	for _, c := range all.Cards() {
		names = append(append(names, c.Name), c.Aliases...)
	}
	return names
}
