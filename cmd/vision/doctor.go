package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/zoo"
)

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name:      "doctor",
		Usage:     "show what this machine offers and what will be used",
		UsageText: "vision doctor\nvision doctor --json --offline",
		Flags:     []cli.Flag{offlineFlag, jsonFlag},
		Action:    doctorAction,
	}
}

// health is doctor's result; --json prints it as it is.
type health struct {
	Version     string            `json:"version"`
	Go          string            `json:"go"`
	System      string            `json:"system"`
	CPU         string            `json:"cpu,omitempty"`
	Rungs       []string          `json:"rungs"`
	Used        string            `json:"used"`
	Cores       int               `json:"cores"`
	Threads     int               `json:"threads"`
	Memory      int64             `json:"memory"` // bytes; 0: not known
	MemoryLimit int64             `json:"memory_limit"`
	Cache       cacheHealth       `json:"cache"`
	UserEntries string            `json:"user_entries"`
	Network     []addressHealth   `json:"network"`
	Environment map[string]string `json:"environment"`
	Problems    []string          `json:"problems"`
}

type cacheHealth struct {
	Path   string `json:"path"`
	Models int    `json:"models"`
	Bytes  int64  `json:"bytes"`
}

type addressHealth struct {
	Address string `json:"address"`
	Answer  string `json:"answer"`
}

// variables lists the environment variables that have an effect.
var variables = []struct{ name, does string }{
	{"VISION_CPU", "class of kernels to use: purego, avx2, avx512, vnni, avx512bf16, amx, neon, dotprod, i8mm"},
	{"VISION_MEMORY_LIMIT", "most memory that a run, or reading a picture, may use, such as 1GiB"},
	{"VISION_HOME", "the cache's folder"},
	{"VISION_ZOO_MIRROR", "where to look for models: a folder, which is then the only place, or a URL, which is asked first"},
	{"VISION_OFFLINE", "1: never use the network"},
	{"HF_ENDPOINT", "server to use instead of https://huggingface.co"},
	{"HTTPS_PROXY", "proxy for downloads"},
	{"NO_PROXY", "hosts without proxy"},
	{"NO_COLOR", "1: --show draws in greys; nothing else has colours"},
	{"GOMAXPROCS", "processors to use"},
	{"GOMEMLIMIT", "memory limit of the Go runtime"},
	{"GOGC", "how much garbage may accumulate, in per cent of what is in use"},
}

func doctorAction(c *cli.Context) error {
	if c.Args().Present() {
		return usage("doctor takes no arguments")
	}
	h := examine(c)
	if c.Bool("json") {
		printJSON(c.App.Writer, h)
		return nil
	}
	h.print(c)
	return nil
}

func examine(c *cli.Context) *health {
	h := &health{Version: version(), Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH, Rungs: engine.CPUs(),
		Cores: runtime.NumCPU(), Threads: runtime.GOMAXPROCS(0), Environment: map[string]string{}, Network: []addressHealth{}, Problems: []string{},
		UserEntries: zoo.UserFolder()}
	var err error
	if h.Used, err = usedCPU(); err != nil {
		h.problem(err)
	}
	h.CPU, _ = procField("/proc/cpuinfo", "model name")
	h.Memory, h.MemoryLimit = engine.Memory()
	if n, err := memoryLimit(); err != nil {
		h.problem(err)
	} else if n > 0 {
		h.MemoryLimit = n
	}
	for _, v := range variables {
		if value, ok := os.LookupEnv(v.name); ok {
			h.Environment[v.name] = withoutPassword(value)
		}
	}
	h.examineCache()
	h.examineNetwork(c)
	return h
}

func (h *health) problem(err error) { h.Problems = append(h.Problems, oneLine(plain(err))) }

func (h *health) examineCache() {
	home, err := zoo.Home()
	if err != nil {
		h.problem(err)
		return
	}
	h.Cache.Path = home
	if err := zoo.CheckHome(); err != nil {
		h.problem(err)
	}
	all, err := zoo.All()
	if err != nil {
		h.problem(err)
		return
	}
	entries, err := zoo.List(all.Cards())
	if err != nil {
		h.problem(err)
	}
	for _, e := range entries {
		if e.Cached && !e.Card.Builtin {
			h.Cache.Models++
			h.Cache.Bytes += e.Card.Bytes
		}
	}
}

// withoutPassword hides the password of an address.
func withoutPassword(value string) string {
	scheme := ""
	if !strings.Contains(value, "://") {
		scheme = "http://" // which a proxy's address may leave out
	}
	if u, err := url.Parse(scheme + value); err == nil && u.User != nil {
		return strings.TrimPrefix(u.Redacted(), scheme)
	}
	return value
}

// examineNetwork checks whether the hosts that models come from answer.
func (h *health) examineNetwork(c *cli.Context) {
	places, folder, err := zoo.Origins()
	if err != nil {
		h.problem(err)
	}
	switch {
	case folder:
		h.Network = append(h.Network, addressHealth{"none", "models come from the folder " + places[0] + " alone"})
	case c.Bool("offline") || zoo.Offline():
		h.Network = append(h.Network, addressHealth{"all", "switched off"})
	default:
		for _, address := range places {
			h.Network = append(h.Network, addressHealth{withoutPassword(address), ask(c.Context, address)})
		}
	}
}

// ask describes the answer of an address in a few words.
func ask(ctx context.Context, address string) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, address, nil)
	if err != nil {
		return oneLine(err.Error())
	}
	start := time.Now()
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return "no answer: " + oneLine(err.Error())
	}
	resp.Body.Close()
	return fmt.Sprintf("answers in %d ms", time.Since(start).Milliseconds())
}

func (h *health) print(c *cli.Context) {
	row := func(name, format string, args ...any) {
		fmt.Fprintf(c.App.Writer, "%-14s %s\n", name, oneLine(fmt.Sprintf(format, args...)))
	}
	row("vision", "%s, %s, %s", h.Version, h.Go, h.System)
	if h.CPU != "" {
		row("processor", "%s", h.CPU)
	}
	row("kernels", "%s (this machine can run %s)", h.Used, strings.Join(h.Rungs, ", "))
	row("threads", "%d of %d cores", h.Threads, h.Cores)
	memory := "not known"
	if h.Memory > 0 {
		memory = zoo.Size(h.Memory)
	}
	limit := "no limit"
	if h.MemoryLimit < 1<<62 {
		limit = "a run may use " + zoo.Size(h.MemoryLimit)
	}
	row("memory", "%s; %s", memory, limit)
	if h.Cache.Path != "" {
		row("cache", "%s: %s, %s", h.Cache.Path, counted(h.Cache.Models, "model"), zoo.Size(h.Cache.Bytes))
	} else {
		row("cache", "none")
	}
	row("own entries", "%s", cmp.Or(h.UserEntries, "none"))
	for _, n := range h.Network {
		row("network", "%s: %s", n.Address, n.Answer)
	}
	for _, v := range variables {
		if value, ok := h.Environment[v.name]; ok {
			row("environment", "%s=%s", v.name, value)
		} else {
			row("", "%s is not set (%s)", v.name, v.does)
		}
	}
	for _, p := range h.Problems {
		row("problem", "%s", p)
	}
}
