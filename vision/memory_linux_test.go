package vision

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/visionzoo/vision/internal/shared"
)

// TestMain decodes one file where the test of the memory asks a fresh process
// to, and prints the picture's bytes and the peak of resident memory in KiB.
func TestMain(m *testing.M) {
	path := os.Getenv("VISION_TEST_DECODE")
	if path == "" {
		os.Exit(m.Run())
	}
	picture := 0
	if img, err := Open(path); err == nil {
		picture = len(img.Pix)
	}
	status, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	var peak int
	fmt.Sscan(rest, &peak)
	fmt.Println(picture, peak)
	os.Exit(0)
}

// Whatever a header says, decoding takes at most 300 MiB besides the picture
// and stays within 1 GiB.
func TestCorruptMemory(t *testing.T) {
	rows := table(t, "images", "corrupt", "cases.tsv")
	if testing.Short() || runtime.GOARCH != "amd64" {
		t.Skip("starts a process a file, on amd64; run without -short")
	}
	for _, row := range rows {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "VISION_TEST_DECODE="+shared.Path(t, "images", "corrupt", row[0]))
		out, err := cmd.CombinedOutput()
		var picture, peak int64
		if _, scan := fmt.Sscan(string(out), &picture, &peak); err != nil || scan != nil || peak == 0 {
			t.Fatalf("%s: %v: %.200s", row[0], err, out)
		}
		peak *= 1024
		if peak > picture+300<<20 || peak > 1<<30 {
			t.Errorf("%s: peak of %d MiB for a picture of %d MiB", row[0], peak>>20, picture>>20)
		} else if peak > 100<<20 {
			t.Logf("%s: peak of %d MiB for a picture of %d MiB", row[0], peak>>20, picture>>20)
		}
	}
}
