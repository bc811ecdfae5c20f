//go:build linux && amd64

package main

import "encoding/binary"

// Tile instructions are encoded as VEX.128.0F38.W0 with opcodes 49, 4B, 5C and 5E (Intel SDM,
// volume 2). TILELOADD T6, 1024(BX)(R11*1) for example is
//
//	c4 a2 7b   4b       b4      1b   00 04 00 00
//	VEX        opcode   ModRM   SIB  displacement
//	│  │  └ vvvv 1111 (none), pp 3 (F2)
//	│  └ bits of reg, index (R11: 0) and base, inverted; map 2 (0F38)
//	└ three-byte prefix
//
// with reg 6 and rm 4 (a SIB follows) in ModRM, and index 11 and base 3 in the SIB.

// An instruction is a tile instruction, decoded.
type instruction struct {
	kind    kind
	size    int   // bytes of code
	tile    int   // the destination, or what is stored
	a, b    int   // factors of a product
	base    int   // of the memory operand at base + index<<scale + offset: a general register; -1 for none
	index   int   // likewise; of loads and stores, it is the distance from a row to the next instead
	scale   uint  // of the index
	offset  int64 // in bytes
	fromEnd bool  // the base is the instruction pointer, after the instruction
}

type kind uint8

const (
	configure kind = iota + 1 // LDTILECFG
	release                   // TILERELEASE
	zero                      // TILEZERO
	load                      // TILELOADD
	store                     // TILESTORED
	dotBF16                   // TDPBF16PS
	dotU8S8                   // TDPBUSD
)

// longest is the longest tile instruction: prefix, opcode, ModRM, SIB, displacement.
const longest = 3 + 1 + 1 + 1 + 4

// The mandatory prefix of an instruction, the pp field of its VEX prefix.
const (
	ppNone = 0
	pp66   = 1
	ppF3   = 2
	ppF2   = 3
)

// decode decodes the tile instruction that code begins with.
func decode(code []byte) (in instruction, ok bool) {
	if len(code) < longest || code[0] != 0xc4 || code[1]&0x1f != 2 || code[2]&0x84 != 0 {
		return in, false
	}
	var (
		pp      = code[2] & 3
		vvvv    = int(^code[2] >> 3 & 15)
		high    = ^code[1] >> 5 // fourth bits of reg, index and base
		opcode  = code[3]
		modRM   = code[4]
		mod     = modRM >> 6
		reg, rm = int(modRM>>3&7) | int(high&4)<<1, int(modRM & 7)
	)
	in.size, in.tile = 5, reg
	if mod == 3 {
		in.a, in.b = rm, vvvv
		switch {
		case opcode == 0x49 && pp == ppNone && modRM == 0xc0:
			in.kind = release
		case opcode == 0x49 && pp == ppF2 && rm == 0:
			in.kind = zero
		case opcode == 0x5c && pp == ppF3:
			in.kind = dotBF16
		case opcode == 0x5e && pp == pp66:
			in.kind = dotU8S8
		}
		return in, in.kind != 0 && in.tile < tiles && in.b < tiles
	}
	switch {
	case opcode == 0x49 && pp == ppNone && reg == 0:
		in.kind = configure
	case opcode == 0x4b && pp == ppF2 && rm == 4:
		in.kind = load
	case opcode == 0x4b && pp == ppF3 && rm == 4:
		in.kind = store
	default:
		return in, false
	}
	in.base, in.index = rm|int(high&1)<<3, -1
	if rm == 4 {
		sib := code[in.size]
		in.size++
		in.scale = uint(sib >> 6)
		in.base = int(sib&7) | int(high&1)<<3
		if in.index = int(sib>>3&7) | int(high&2)<<2; in.index == 4 {
			in.index = -1
		}
	}
	switch {
	case mod == 1:
		in.offset = int64(int8(code[in.size]))
		in.size++
	case mod == 2 || in.base&7 == 5:
		in.offset = int64(int32(binary.LittleEndian.Uint32(code[in.size:])))
		in.size += 4
		if mod == 0 { // no base
			in.fromEnd, in.base = rm == 5, -1
		}
	}
	return in, in.tile < tiles
}
