package main

import (
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// words matches encoded instructions and their mnemonics.
var words = regexp.MustCompile(`WORD \$(0x[0-9a-f]+) // (.*)`)

func everyInstruction() [][]string {
	e := &emitter{}
	for _, r := range [][3]int{{1, 2, 3}, {30, 19, 25}, {17, 31, 8}} {
		base := min(r[1], 28)
		e.ldrQ(r[0], base, 16*r[2])
		e.strQ(r[0], base, 65520)
		e.ldrQIndex(r[0], base, min(r[2], 28))
		e.ldrQNext(r[0], base)
		e.strQNext(r[0], base)
		e.ldrSNext(r[0], base)
		e.ldrHNext(r[0], base)
		e.ldrDNext(r[0], base)
		e.strSNext(r[0], base)
		e.ld1r(r[0], base)
		e.ld1rPairNext(r[0], base)
		e.dup(r[0], base)
		e.fadd(r[0], r[1], r[2])
		e.fsub(r[0], r[1], r[2])
		e.fmul(r[0], r[1], r[2])
		e.fmla(r[0], r[1], r[2])
		e.fmls(r[0], r[1], r[2])
		e.faddp(r[0], r[1], r[2])
		e.clip(r[0], r[1], r[2])
		for lane := range 4 {
			e.fmlaLane(r[0], r[1], r[2], lane)
			e.sdotLane(r[0], r[1], r[2], lane)
		}
		for _, op := range []func(d, a, b int){e.fcmgt, e.fcmge, e.bic, e.bif, e.bit, e.fdiv, e.fmax, e.fmin, e.fmaxp, e.fminp,
			e.add, e.sub, e.trn1, e.trn2, e.trn1Wide, e.trn2Wide} {
			op(r[0], r[1], r[2])
		}
		for _, op := range []func(d, a int){e.fcmltZero, e.fabs, e.fneg, e.fsqrt, e.frintn, e.frintm, e.frintp, e.fcvtns} {
			op(r[0], r[1])
		}
		e.shl(r[0], r[1], r[2])
		e.sshr(r[0], r[1], r[2])
		for lane := range 4 {
			e.loadLane(r[0], lane, base)
			e.storeLane(r[0], lane, base)
		}
		for _, op := range []func(d, a, b int){e.add16, e.sub16, e.mul16, e.mla16, e.orr, e.eor, e.sdot, e.usdot, e.usmmla, e.sqadd16} {
			op(r[0], r[1], r[2])
		}
		for _, high := range []bool{false, true} {
			for _, shape := range []string{"16b", "8h", "4s", "2d"} {
				e.zip(shape, high, r[0], r[1], r[2])
			}
			e.fcvtl(r[0], r[1], high)
			e.shll(r[0], r[1], high)
			for _, op := range []func(d, a, b int, high bool){e.uaddw, e.umull} {
				op(r[0], r[1], r[2], high)
			}
			for lane := range 8 {
				e.smull(r[0], r[1], r[2]&15, lane, high)
				e.smlal(r[0], r[1], r[2]&15, lane, high)
			}
			e.sshll16(r[0], r[1], r[2]&15, high)
			e.sshll8(r[0], r[1], r[2]&7, high)
			for _, op := range []func(d, a, by int, high bool){e.sqrshrn16, e.rshrn16, e.shrn16} {
				op(r[0], r[1], 16-r[2]&7, high)
			}
			for _, op := range []func(d, a, by int, high bool){e.sqrshrn8, e.rshrn8, e.shrn8} {
				op(r[0], r[1], 8-r[2]&7, high)
			}
			e.sqxtun(r[0], r[1], high)
			e.sqxtn16(r[0], r[1], high)
			e.xtn16(r[0], r[1], high)
			e.xtn8(r[0], r[1], high)
			e.uaddw16(r[0], r[1], r[2], high)
			e.ushll8(r[0], r[1], high)
			e.ushll16(r[0], r[1], high)
			e.sqshrun8(r[0], r[1], 8-r[2]&7, high)
			e.sqrshrun8(r[0], r[1], 8-r[2]&7, high)
		}
		for lane := range 8 {
			e.sqrdmulh(r[0], r[1], r[2]&15, lane)
			e.dupLane16(r[0], r[1], lane)
			e.dupLane8(r[0], r[1], lane)
			e.storeHalfNext(r[0], lane&1, base)
		}
		e.shl16(r[0], r[1], r[2]&15)
		e.dup16(r[0], base)
		e.movi8(r[0], uint32(13*r[2]&255))
		e.mla32(r[0], r[1], r[2])
		e.ext(r[0], r[1], r[2], r[2]&15)
		e.tbl2(r[0], r[1]&15, r[2])
		e.tbl4(r[0], r[1]&15, r[2])
		e.tbx4(r[0], r[1]&15, r[2])
		for lane := range 4 {
			e.loadLaneNext(r[0], lane, base, min(r[2], 28))
		}
		e.umax8(r[0], r[1], r[2])
		e.mul32(r[0], r[1], r[2])
		e.fmaxnm(r[0], r[1], r[2])
		e.scvtf(r[0], r[1])
		e.st4Next(r[0]&15, base)
		e.ldrD(r[0], base)
		e.ld2Next(r[0], base)
		e.ld3(r[0]&15, base)
		e.st3Half(r[0]&15, base)
		e.uaddlp(r[0], r[1])
		e.uadalp(r[0], r[1])
		e.st2(r[0], base)
		e.st3(r[0]&15, base)
		e.mov(r[0], r[1])
		e.zero(r[0])
	}
	return words.FindAllStringSubmatch(e.asm.String(), -1)
}

// encodings are those of LLVM 14 for some of the instructions.
var encodings = map[string]string{
	"ldr q1, [x2, #48]":             "0x3dc00c41",
	"ldr q1, [x2, x3]":              "0x3ce36841",
	"ldr s1, [x2], #4":              "0xbc404441",
	"ld1r {v1.4s}, [x2]":            "0x4d40c841",
	"dup v1.4s, w2":                 "0x4e040c41",
	"fmla v1.4s, v2.4s, v3.4s":      "0x4e23cc41",
	"fmls v1.4s, v2.4s, v3.4s":      "0x4ea3cc41",
	"fmla v1.4s, v2.4s, v3.s[3]":    "0x4fa31841",
	"fmla v30.4s, v19.4s, v25.s[2]": "0x4f991a7e",
	"fmax v1.4s, v1.4s, v2.4s":      "0x4e22f421",
	"mov v1.16b, v2.16b":            "0x4ea21c41",
	"sdot v1.4s, v2.16b, v3.4b[3]":  "0x4fa3e841",
	"usmmla v1.4s, v2.16b, v3.16b":  "0x4e83ac41",
	"movi v1.2d, #0":                "0x6f00e401",
}

func TestEncode(t *testing.T) {
	seen := 0
	for _, w := range everyInstruction() {
		if want, ok := encodings[w[2]]; ok {
			seen++
			if w[1] != want {
				t.Errorf("%s: got %s, want %s", w[2], w[1], want)
			}
		}
	}
	if seen != len(encodings) {
		t.Errorf("%d of %d instructions were met", seen, len(encodings))
	}
}

// TestEncodeAsLLVM compares all encodings with those of the installed LLVM.
func TestEncodeAsLLVM(t *testing.T) {
	mc, err := exec.LookPath("llvm-mc")
	if err != nil {
		t.Skip("no llvm-mc on PATH; install llvm to compare with it")
	}
	all := everyInstruction()
	var source strings.Builder
	for _, w := range all {
		source.WriteString(w[2] + "\n")
	}
	cmd := exec.Command(mc, "-triple=aarch64", "-mattr=+dotprod,+i8mm", "-show-encoding")
	cmd.Stdin = strings.NewReader(source.String())
	out, err := cmd.Output()
	if err != nil {
		if targets, _ := exec.Command(mc, "--version").Output(); !strings.Contains(string(targets), "aarch64") {
			t.Skip("llvm-mc is not for aarch64; install one that is to compare with it")
		}
		t.Fatal(err)
	}
	found := regexp.MustCompile(`encoding: \[0x(..),0x(..),0x(..),0x(..)\]`).FindAllStringSubmatch(string(out), -1)
	if len(found) != len(all) {
		t.Fatalf("%d encodings of %d instructions", len(found), len(all))
	}
	for i, f := range found {
		want, _ := strconv.ParseUint(f[4]+f[3]+f[2]+f[1], 16, 32)
		if all[i][1] != fmt.Sprintf("%#08x", want) {
			t.Errorf("%s: got %s, want %#08x", all[i][2], all[i][1], want)
		}
	}
}
