package vision

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/windows"
)

// escapes lets escape sequences through to w until end is called: a console interprets
// those of programs that ask for it, and prints those of others
// (learn.microsoft.com/windows/console/console-virtual-terminal-sequences).
func escapes(w io.Writer) (end func(), err error) {
	f, ok := w.(*os.File)
	if !ok {
		return func() {}, nil
	}
	console, mode := windows.Handle(f.Fd()), uint32(0)
	if windows.GetConsoleMode(console, &mode) != nil || mode&windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING != 0 { // not a console, or one that is ready
		return func() {}, nil
	}
	if err := windows.SetConsoleMode(console, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING); err != nil {
		return nil, fmt.Errorf("vision: this console cannot show pictures: %w; use Windows Terminal", err)
	}
	return func() { _ = windows.SetConsoleMode(console, mode) }, nil
}
