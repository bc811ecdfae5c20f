package main

import (
	"fmt"
	"strings"
)

// Go's assembler has no tile instructions, so they are written as BYTE directives with
// the mnemonic in a comment. Encodings follow the Intel SDM, volume 2 (VEX.128.0F38.W0);
// encode_test.go compares them with those of GNU as.

// gpr maps the general registers to their hardware numbers.
var gpr = map[string]int{"AX": 0, "CX": 1, "DX": 2, "BX": 3, "BP": 5, "SI": 6, "DI": 7,
	"R8": 8, "R9": 9, "R10": 10, "R11": 11, "R12": 12, "R13": 13, "R14": 14, "R15": 15}

// The mandatory prefix of an instruction, as the pp field of a VEX prefix.
const (
	ppNone = 0
	pp66   = 1
	ppF3   = 2
	ppF2   = 3
)

func bytesLine(comment string, b ...byte) string {
	var s strings.Builder
	for _, x := range b {
		fmt.Fprintf(&s, "BYTE $0x%02x; ", x)
	}
	return strings.TrimSuffix(s.String(), "; ") + " // " + comment
}

// vex returns the three-byte VEX prefix of a VEX.128.0F38.W0 instruction. reg, index
// and base are register numbers, vvvv is the second source.
func vex(pp, reg, index, base, vvvv int) []byte {
	inverted := func(x int) byte { return byte(^x>>3&1) & 1 }
	return []byte{0xc4,
		inverted(reg)<<7 | inverted(index)<<6 | inverted(base)<<5 | 2,
		byte(^vvvv&15)<<3 | byte(pp)}
}

// tileMemory encodes a load or store of tile t, whose rows are at base+disp,
// base+disp+stride, and so on.
func tileMemory(name string, pp, t int, base, stride string, disp int32) string {
	b, x := gpr[base], gpr[stride]
	out := append(vex(pp, t, x, b, 0), 0x4b, byte(0x80|t<<3|4), byte(x&7<<3|b&7),
		byte(disp), byte(disp>>8), byte(disp>>16), byte(disp>>24))
	return bytesLine(fmt.Sprintf("%s T%d, %d(%s)(%s*1)", name, t, disp, base, stride), out...)
}

func tileLoad(t int, base, stride string, disp int32) string {
	return tileMemory("TILELOADD", ppF2, t, base, stride, disp)
}

func tileStore(t int, base, stride string, disp int32) string {
	return tileMemory("TILESTORED", ppF3, t, base, stride, disp)
}

func tileZero(t int) string {
	return bytesLine(fmt.Sprintf("TILEZERO T%d", t), append(vex(ppF2, t, 0, 0, 0), 0x49, byte(0xc0|t<<3))...)
}

// tileConfig encodes LDTILECFG. R12 as a base would need a SIB byte.
func tileConfig(base string) string {
	b := gpr[base]
	if b&7 == 4 {
		panic("BUG: LDTILECFG with " + base + " as its base needs a SIB byte")
	}
	return bytesLine("LDTILECFG ("+base+")", append(vex(ppNone, 0, 0, b, 0), 0x49, byte(0x40|b&7), 0)...)
}

func tileRelease() string {
	return bytesLine("TILERELEASE", append(vex(ppNone, 0, 0, 0, 0), 0x49, 0xc0)...)
}

// tileDot encodes T[c] += T[a]·T[b].
func tileDot(name string, pp int, op byte, c, a, b int) string {
	return bytesLine(fmt.Sprintf("%s T%d += T%d*T%d", name, c, a, b),
		append(vex(pp, c, 0, a, b), op, byte(0xc0|c<<3|a))...)
}

// dotBF16 multiplies pairs of bf16, dotU8S8 four unsigned by four signed bytes.
func dotBF16(c, a, b int) string { return tileDot("TDPBF16PS", ppF3, 0x5c, c, a, b) }
func dotU8S8(c, a, b int) string { return tileDot("TDPBUSD", pp66, 0x5e, c, a, b) }
