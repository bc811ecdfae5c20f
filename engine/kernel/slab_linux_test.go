package kernel

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"
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
