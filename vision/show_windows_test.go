package vision

import (
	"os"
	"testing"

	"golang.org/x/sys/windows"
)

// TestEscapes: a console interprets escape sequences while a picture is shown, and is
// left as it was.
func TestEscapes(t *testing.T) {
	f, err := os.OpenFile("CONOUT$", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("%v; run in a console", err)
	}
	defer f.Close()
	mode := func() (m uint32) {
		if err := windows.GetConsoleMode(windows.Handle(f.Fd()), &m); err != nil {
			t.Skipf("%v; run in a console", err)
		}
		return m
	}
	before := mode()
	plain := before &^ windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING
	if err := windows.SetConsoleMode(windows.Handle(f.Fd()), plain); err != nil {
		t.Fatal(err)
	}
	defer windows.SetConsoleMode(windows.Handle(f.Fd()), before)
	end, err := escapes(f)
	if err != nil {
		t.Fatal(err)
	}
	if got := mode(); got != plain|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING {
		t.Errorf("mode %x while a picture is shown", got)
	}
	end()
	if got := mode(); got != plain {
		t.Errorf("mode %x afterwards, want %x", got, plain)
	}
}
