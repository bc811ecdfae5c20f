package kernel

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mapped reports whether the system knows a mapping with an address.
func mapped(t *testing.T, address uintptr) bool {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Skipf("no list of mappings: %v; mount /proc to have one", err)
	}
	for line := range strings.Lines(string(maps)) {
		var from, to uintptr
		if _, err := fmt.Sscanf(line, "%x-%x", &from, &to); err == nil && from <= address && address < to {
			return true
		}
	}
	return false
}

// Memory of slabs is there, zero and writable, as long as its keeper is, and goes
// back to the system afterwards.
func TestSlabsGoBack(t *testing.T) {
	k := new(keeper)
	b := k.bytes(3 * slabBytes)
	for i := 0; i < len(b); i += 4096 {
		if b[i] != 0 {
			t.Fatalf("byte %d is %d", i, b[i])
		}
		b[i] = 1
	}
	at := uintptr(unsafe.Pointer(&b[0]))
	if at%hugePage != 0 {
		t.Errorf("it begins at %#x, within a huge page", at)
	}
	runtime.GC()
	if !mapped(t, at) || b[4096] != 1 {
		t.Fatal("it went although it is kept")
	}
	runtime.KeepAlive(k)
	k = nil
	for range 100 {
		runtime.GC()
		if !mapped(t, at) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("it stays although nothing keeps it")
}

// resident is how many of a mapping's bytes have memory behind them.
func resident(t *testing.T, b []byte) int {
	pages := make([]byte, (len(b)+4095)/4096)
	if _, _, errno := syscall.Syscall(syscall.SYS_MINCORE, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), uintptr(unsafe.Pointer(&pages[0]))); errno != 0 {
		t.Fatal(errno)
	}
	n := 0
	for _, p := range pages {
		n += int(p&1) * 4096
	}
	return n
}

// Populated memory is there before it is touched, on huge pages and on small
// ones, and keeps what was written.
func TestPopulate(t *testing.T) {
	for _, small := range []bool{false, true} {
		k := new(keeper)
		b := k.bytes(3*slabBytes - 100)
		if n := resident(t, b); n != 0 {
			t.Fatalf("%d bytes are there already", n)
		}
		b[hugePage+1] = 7
		if small {
			dear.bytes.Store(dearBytes)
		}
		for i := range k.Blocks() {
			k.Populate(i)
		}
		dear.bytes.Store(0)
		if unix.Madvise(b[:4096], unix.MADV_POPULATE_WRITE) != nil {
			t.Skip("this system cannot populate memory: run on Linux 5.14 or newer")
		}
		if n := resident(t, b); n < len(b) || b[hugePage+1] != 7 || b[hugePage] != 0 {
			t.Errorf("small pages %v: %d of %d bytes are there", small, n, len(b))
		}
		runtime.KeepAlive(k)
	}
}

func TestPopulateBlocks(t *testing.T) {
	b := alignTo(make([]byte, 4*hugePage), hugePage)
	for _, c := range []struct{ from, to, want int }{{0, 1, 1}, {0, hugePage, 1}, {1, hugePage + 1, 2}, {hugePage - 1, hugePage, 1}, {100, 2*hugePage + 1, 3}, {5, 5, 0}} {
		if got := PopulateBlocks(b[c.from:c.to]); got != c.want {
			t.Errorf("[%d, %d) has a part of %d huge pages, not %d", c.from, c.to, c.want, got)
		}
	}
}
