package kernel

import (
	"slices"
	"sync"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/vec"
)

// Numbers are the weights to pack as a file has them: one of float32, or of float16 and
// bfloat16 bits, which are widened a few at a time as they are packed. They may lie in a
// mapped file at any address.
type Numbers struct {
	Float32           []float32
	Float16, BFloat16 []uint16
}

// From returns the numbers from the given one on.
func (n Numbers) From(first int) Numbers {
	switch {
	case n.Float16 != nil:
		n.Float16 = n.Float16[first:]
	case n.BFloat16 != nil:
		n.BFloat16 = n.BFloat16[first:]
	default:
		n.Float32 = n.Float32[first:]
	}
	return n
}

// numberType is the type of numbers in memory.
type numberType uint8

const (
	float32s numberType = iota
	float16s
	bfloat16s
	numberTypes
)

// bytes is the size of a number.
func (t numberType) bytes() int {
	if t == float32s {
		return 4
	}
	return 2
}

// numbers are Numbers with the kernel that widens them.
type numbers struct {
	of     numberType
	wide   []float32                            // float32s
	narrow []uint16                             // all others
	widen  func(dst, src unsafe.Pointer, n int) // those
}

// with adds the kernel that widens the numbers.
func (n *Numbers) with(u *vec.Unit) numbers {
	switch {
	case n.BFloat16 != nil:
		return numbers{of: bfloat16s, narrow: n.BFloat16, widen: u.BFloat16}
	case n.Float16 != nil:
		return numbers{of: float16s, narrow: n.Float16, widen: u.Float16}
	}
	return numbers{wide: n.Float32}
}

func (s *numbers) len() int { return max(len(s.wide), len(s.narrow)) }

// address returns the address of the first number.
func (s *numbers) address() unsafe.Pointer {
	if s.of == float32s {
		return unsafe.Pointer(unsafe.SliceData(s.wide))
	}
	return unsafe.Pointer(unsafe.SliceData(s.narrow))
}

// row returns n numbers from number at on: those of the file, or in the room.
func (s *numbers) row(at, n int, room *[]float32) []float32 {
	if s.of == float32s {
		return s.wide[at:][:n]
	}
	to := roomFor(room, n)
	s.write(to, at)
	return to
}

// roomFor returns the first n numbers of a room, which grows if need be.
func roomFor(room *[]float32, n int) []float32 {
	*room = slices.Grow((*room)[:0], n)
	return (*room)[:n]
}

// write copies numbers from number at on.
func (s *numbers) write(to []float32, at int) {
	if s.of == float32s {
		copy(to, s.wide[at:][:len(to)])
		return
	}
	from := s.narrow[at:][:len(to)]
	for i := 0; i < len(to); i += widenedAtOnce {
		s.widen(unsafe.Pointer(&to[i]), unsafe.Pointer(&from[i]), min(len(to)-i, widenedAtOnce))
	}
}

// widenedAtOnce is the number of numbers per call of a kernel. Assembly is not preempted,
// so a call must be short.
const widenedAtOnce = 1 << 13

// block returns the address of rows of n numbers, the first from number at on and the
// others pitch numbers apart. float32 stays in the file, where rows are pitch apart; others
// are widened into the room, where they are n apart.
func (s *numbers) block(at, pitch, rows, n int, room *[]float32) (p unsafe.Pointer, apart int) {
	if s.of == float32s {
		return unsafe.Pointer(&s.wide[at]), pitch
	}
	to := roomFor(room, max(1, rows)*n)
	for i := range rows {
		s.write(to[i*n:][:n], at+i*pitch)
	}
	return unsafe.Pointer(unsafe.SliceData(to)), n
}

// numberRooms holds the rooms of numbers that are being packed.
var numberRooms = sync.Pool{New: func() any { return new([]float32) }}
