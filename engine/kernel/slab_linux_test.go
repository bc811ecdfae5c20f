package kernel

import (
	"bytes"
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

// mapped reports whether an address is mapped.
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

// Memory of slabs is zero and writable as long as its keeper is reachable, and is returned
// to the system afterwards.
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
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(10 * time.Millisecond) {
		runtime.GC()
		if !mapped(t, at) {
			return
		}
	}
	t.Error("it stays although nothing keeps it")
}

// Pieces are contiguous, and the pages of one that is not reachable are returned to the
// system while its neighbours keep theirs.
func TestPiecesGoBack(t *testing.T) {
	const n = 3*smallPage + 100
	var keepers [3]*keeper
	var pieces [3][]byte
	for { // until all are in one slab
		for i := range keepers {
			keepers[i] = new(keeper)
			pieces[i] = keepers[i].bytes(n)
			for k := range pieces[i] {
				pieces[i][k] = byte(i + 1)
			}
		}
		if keepers[0].pieces[0].slab == keepers[2].pieces[0].slab {
			break
		}
	}
	room := keepers[0].pieces[0].slab
	middle := int(uintptr(unsafe.Pointer(&pieces[1][0])) - uintptr(unsafe.Pointer(&room.memory[0])))
	if &room.memory[middle-4*smallPage] != &pieces[0][0] || &room.memory[middle+4*smallPage] != &pieces[2][0] {
		t.Fatal("the pieces do not follow each other by pages")
	}
	keepers[1], pieces[1] = nil, nil
	gone := make([]byte, n)
	for deadline := time.Now().Add(time.Minute); !bytes.Equal(room.memory[middle:middle+n], gone); {
		if time.Now().After(deadline) {
			t.Fatal("the pages of the piece that nothing holds are still there")
		}
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
	for _, i := range []int{0, 2} {
		if !bytes.Equal(pieces[i], bytes.Repeat([]byte{byte(i + 1)}, n)) {
			t.Errorf("piece %d lost its numbers", i)
		}
	}
	runtime.KeepAlive(keepers)
}

// resident returns how many bytes of a mapping are backed by memory.
func resident(t *testing.T, b []byte) int {
	page := os.Getpagesize()
	pages := make([]byte, (len(b)+page-1)/page)
	if _, _, errno := syscall.Syscall(syscall.SYS_MINCORE, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), uintptr(unsafe.Pointer(&pages[0]))); errno != 0 {
		t.Fatal(errno)
	}
	n := 0
	for _, p := range pages {
		n += int(p&1) * page
	}
	return n
}

// The last huge page of a slab consists of small pages if little of it is used.
func TestLastPage(t *testing.T) {
	for _, c := range []struct {
		tail  int
		small bool
	}{{hugePage / 4, true}, {hugePage - smallPage, false}} {
		s := newSlab(4 * hugePage)
		k := new(keeper)
		k.take(s, 2*hugePage+c.tail)
		if last := s.memory[2*hugePage : 2*hugePage+c.tail]; s.ends(last) != c.small {
			t.Errorf("%d bytes on the last page: on small ones %v", c.tail, s.ends(last))
		}
		if s.ends(s.memory[hugePage+5 : 2*hugePage]) {
			t.Error("a page that is used to its end goes on small ones")
		}
	}
}

// Populated memory is resident before it is accessed, on huge pages and on small ones, and
// keeps its content.
func TestPopulate(t *testing.T) {
	for _, small := range []bool{false, true} {
		k := new(keeper)
		b := k.bytes(3*slabBytes - 100)
		if n := resident(t, b); n == (len(b)+os.Getpagesize()-1)/os.Getpagesize()*os.Getpagesize() {
			t.Skip("this system says of all memory that it is there: run on Linux itself")
		} else if n != 0 {
			t.Fatalf("%d bytes are there already", n)
		}
		b[hugePage+1] = 7
		if small {
			dear.Store(dearBytes)
		}
		for i := range k.Blocks() {
			k.Populate(i)
		}
		dear.Store(0)
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
