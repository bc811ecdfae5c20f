//go:build linux && amd64

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// A unit holds the tile registers of a thread, as palette 1 has them: eight tiles of
// up to 16 rows of up to 64 bytes.
type unit struct {
	configured bool
	shapes     [tiles]shape
	tiles      [tiles][rows * rowBytes]byte // rows lie rowBytes apart
}

// A shape is that of a tile: its rows, and their length.
type shape struct{ rows, bytes int }

const (
	tiles    = 8
	rows     = 16
	rowBytes = 64
)

// configSize is the size of the memory operand of LDTILECFG: the palette, the first
// row to go on with after a fault, bytes a row of each tile from byte 16 on, rows
// of each from byte 48 on.
const configSize = 64

// configure carries out LDTILECFG.
func (u *unit) configure(c []byte) error {
	*u = unit{}
	switch {
	case c[0] == 0:
		return nil
	case c[0] != 1 || c[1] != 0:
		return fmt.Errorf("LDTILECFG of palette %d from row %d on", c[0], c[1])
	}
	for t := range u.shapes {
		s := shape{int(c[48+t]), int(binary.LittleEndian.Uint16(c[16+2*t:]))}
		if s.rows > rows || s.bytes > rowBytes || (s.rows == 0) != (s.bytes == 0) {
			return fmt.Errorf("LDTILECFG of %d rows of %d bytes for tile %d", s.rows, s.bytes, t)
		}
		u.shapes[t] = s
	}
	u.configured = true
	return nil
}

// used checks that tiles are configured.
func (u *unit) used(numbers ...int) error {
	for _, t := range numbers {
		if !u.configured || u.shapes[t].rows == 0 {
			return fmt.Errorf("tile %d is not configured", t)
		}
	}
	return nil
}

var errShapes = errors.New("the tiles of a product do not fit each other")

// fits checks the tiles of a product c += a·b: c has the rows of a and the columns of b, and
// four bytes of depth (two bf16, or four bytes) lie side by side in each four bytes of a row of
// a, and in each column of four bytes of b.
func (u *unit) fits(in instruction) error {
	if err := u.used(in.tile, in.a, in.b); err != nil {
		return err
	}
	c, a, b := u.shapes[in.tile], u.shapes[in.a], u.shapes[in.b]
	if c.rows != a.rows || c.bytes != b.bytes || a.bytes != 4*b.rows || c.bytes%4 != 0 ||
		in.tile == in.a || in.tile == in.b || in.a == in.b {
		return errShapes
	}
	return nil
}

// dotBF16 carries out TDPBF16PS: sums of products of even and of odd elements are
// kept apart and added up at the end. Products of bf16 are exact in float32;
// numbers too small for its exponent count as zero.
func (u *unit) dotBF16(in instruction) error {
	if err := u.fits(in); err != nil {
		return err
	}
	a, b := u.halves(in.a), u.halves(in.b)
	depth, columns := u.shapes[in.b].rows, u.shapes[in.tile].bytes/4
	for m := range u.shapes[in.tile].rows {
		var even, odd [rowBytes / 4]float32
		for k := range depth {
			x0, x1, y0, y1 := a[0][m][k], a[1][m][k], &b[0][k], &b[1][k]
			for n := range columns {
				even[n] = flush(even[n] + x0*y0[n])
				odd[n] = flush(odd[n] + x1*y1[n])
			}
		}
		for n := range columns {
			at := u.tiles[in.tile][m*rowBytes+4*n:]
			sum := normal(binary.LittleEndian.Uint32(at))
			binary.LittleEndian.PutUint32(at, math.Float32bits(flush(sum+flush(even[n]+odd[n]))))
		}
	}
	u.clearRest(in.tile)
	return nil
}

// halves widens a tile of bf16 pairs: the even elements of its rows and the odd ones.
func (u *unit) halves(t int) *[2][rows][rowBytes / 4]float32 {
	var h [2][rows][rowBytes / 4]float32
	for row := range rows {
		for i := range rowBytes / 4 {
			pair := binary.LittleEndian.Uint32(u.tiles[t][row*rowBytes+4*i:])
			h[0][row][i], h[1][row][i] = normal(pair<<16), normal(pair&^0xffff)
		}
	}
	return &h
}

// normal is a float32 with zero in place of denormal numbers.
func normal(bits uint32) float32 {
	if bits&0x7f800000 == 0 {
		bits &= 1 << 31
	}
	return math.Float32frombits(bits)
}

// flush is x, or zero if x is denormal.
func flush(x float32) float32 {
	const smallest = 0x1p-126
	if x < smallest && x > -smallest {
		return 0
	}
	return x
}

// dotU8S8 carries out TDPBUSD: products of four unsigned with four signed bytes,
// added up in int32 without saturation.
func (u *unit) dotU8S8(in instruction) error {
	if err := u.fits(in); err != nil {
		return err
	}
	c, a, b := &u.tiles[in.tile], &u.tiles[in.a], &u.tiles[in.b]
	depth, columns := u.shapes[in.b].rows, u.shapes[in.tile].bytes/4
	for m := range u.shapes[in.tile].rows {
		var sums [rowBytes / 4]int32
		for k := range depth {
			x := a[m*rowBytes+4*k:][:4]
			for n := range columns {
				y := b[k*rowBytes+4*n:][:4]
				for i := range x {
					sums[n] += int32(x[i]) * int32(int8(y[i]))
				}
			}
		}
		for n := range columns {
			at := c[m*rowBytes+4*n:]
			binary.LittleEndian.PutUint32(at, binary.LittleEndian.Uint32(at)+uint32(sums[n]))
		}
	}
	u.clearRest(in.tile)
	return nil
}

// clearRest zeroes what lies beyond a tile's rows and columns.
func (u *unit) clearRest(t int) {
	s := u.shapes[t]
	for row := range rows {
		from := s.bytes
		if row >= s.rows {
			from = 0
		}
		clear(u.tiles[t][row*rowBytes+from : (row+1)*rowBytes])
	}
}
