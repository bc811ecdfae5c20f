//go:build linux && amd64

package main

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"os/exec"
	"testing"
)

// TestDecode compares with what GNU as makes of the mnemonics.
func TestDecode(t *testing.T) {
	const bx, r10, r11, r12, r13, r14, r15, ax, cx = 3, 10, 11, 12, 13, 14, 15, 0, 1
	for _, c := range []struct {
		as, code string
		want     instruction
	}{
		{"ldtilecfg (%r13)", "c4c278494500", instruction{kind: configure, base: r13, index: -1}},
		{"ldtilecfg 0x12(%rax,%rbx,2)", "c4e27849445812", instruction{kind: configure, base: ax, index: bx, scale: 1, offset: 0x12}},
		{"ldtilecfg 0x100(%rip)", "c4e278490500010000", instruction{kind: configure, base: -1, index: -1, fromEnd: true, offset: 0x100}},
		{"tilerelease", "c4e27849c0", instruction{kind: release}},
		{"tilezero %tmm3", "c4e27b49d8", instruction{kind: zero, tile: 3}},
		{"tileloadd (%rbx,%r11,1),%tmm5", "c4a27b4b2c1b", instruction{kind: load, tile: 5, base: bx, index: r11}},
		{"tileloadd 0x400(%r14,%r10,4),%tmm7", "c4827b4bbc9600040000", instruction{kind: load, tile: 7, base: r14, index: r10, scale: 2, offset: 0x400}},
		{"tileloadd 0x8(%r15),%tmm0", "c4c27b4b442708", instruction{kind: load, base: r15, index: -1, offset: 8}},
		{"tileloadd 0x40(,%rcx,8),%tmm6", "c4e27b4b34cd40000000", instruction{kind: load, tile: 6, base: -1, index: cx, scale: 3, offset: 0x40}},
		{"tilestored %tmm2,-0x40(%r12,%r13,1)", "c4827a4b542cc0", instruction{kind: store, tile: 2, base: r12, index: r13, offset: -0x40}},
		{"tdpbf16ps %tmm7,%tmm4,%tmm1", "c4e2425ccc", instruction{kind: dotBF16, tile: 1, a: 4, b: 7}},
		{"tdpbusd %tmm6,%tmm5,%tmm0", "c4e2495ec5", instruction{kind: dotU8S8, a: 5, b: 6}},
	} {
		code, err := hex.DecodeString(c.code)
		if err != nil {
			t.Fatal(err)
		}
		c.want.size = len(code)
		got, ok := decode(append(code, make([]byte, longest)...))
		if c.want.kind != dotBF16 && c.want.kind != dotU8S8 {
			got.a, got.b = 0, 0
		}
		if !ok || got != c.want {
			t.Errorf("%s: %+v, %v; want %+v", c.as, got, ok, c.want)
		}
	}
	for _, other := range []string{"c4e24b5ec5" /* tdpbssd */, "c5f877" /* vzeroupper */, "0f0b" /* ud2 */, "62f27d48" /* EVEX */} {
		code, err := hex.DecodeString(other)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := decode(append(code, make([]byte, longest)...)); ok {
			t.Errorf("%s was taken for %+v", other, got)
		}
	}
}

// configured has tiles of 3 by 2 (0), 3 by 4 (1) and 4 by 2 (2) words.
func configured(t *testing.T) *unit {
	c := make([]byte, configSize)
	c[0] = 1
	for i, s := range []shape{{3, 8}, {3, 16}, {4, 8}} {
		binary.LittleEndian.PutUint16(c[16+2*i:], uint16(s.bytes))
		c[48+i] = byte(s.rows)
	}
	u := &unit{}
	if err := u.configure(c); err != nil {
		t.Fatal(err)
	}
	return u
}

func (u *unit) word(t, row, column int) []byte { return u.tiles[t][row*rowBytes+4*column:][:4] }

func TestDotBF16(t *testing.T) {
	u := configured(t)
	number := func(i int) float32 { return float32(i%13-6) / 4 } // exact in bf16
	fill := func(tile, rows, columns, seed int) {
		for r := range rows {
			for c := range columns {
				lo, hi := number(seed+7*r+5*c), number(seed+3*r+11*c+1)
				binary.LittleEndian.PutUint32(u.word(tile, r, c), math.Float32bits(lo)>>16|math.Float32bits(hi)&^0xffff)
			}
		}
	}
	half := func(tile, r, c, i int) float32 {
		return math.Float32frombits(uint32(binary.LittleEndian.Uint16(u.word(tile, r, c)[2*i:])) << 16)
	}
	fill(1, 3, 4, 1)
	fill(2, 4, 2, 2)
	want := [3][2]float32{}
	for r := range 3 {
		for c := range 2 {
			want[r][c] = number(r + c)
			binary.LittleEndian.PutUint32(u.word(0, r, c), math.Float32bits(want[r][c]))
			for k := range 4 {
				want[r][c] += half(1, r, k, 0)*half(2, k, c, 0) + half(1, r, k, 1)*half(2, k, c, 1)
			}
		}
	}
	copy(u.word(0, 2, 5), "rest")
	if err := u.dotBF16(instruction{tile: 0, a: 1, b: 2}); err != nil {
		t.Fatal(err)
	}
	for r := range 3 {
		for c := range 2 {
			if got := math.Float32frombits(binary.LittleEndian.Uint32(u.word(0, r, c))); got != want[r][c] {
				t.Errorf("row %d, column %d: %v, want %v", r, c, got, want[r][c])
			}
		}
	}
	if binary.LittleEndian.Uint32(u.word(0, 2, 5)) != 0 {
		t.Error("what lies beyond the columns was not cleared")
	}
	// Denormal numbers count as zero, before and after.
	for _, c := range []struct{ a, b, sum, want uint32 }{
		{0x0040, 0x7f00, 0, 0}, {0x0080, 0x3f00, 0, 0}, {0, 0, 1, 0}, {0x0080, 0x3f80, 0, 0x00800000}, {0x8080, 0x3f80, 0x00800000, 0},
	} {
		u := configured(t)
		binary.LittleEndian.PutUint32(u.word(1, 0, 0), c.a)
		binary.LittleEndian.PutUint32(u.word(2, 0, 0), c.b)
		binary.LittleEndian.PutUint32(u.word(0, 0, 0), c.sum)
		if err := u.dotBF16(instruction{tile: 0, a: 1, b: 2}); err != nil {
			t.Fatal(err)
		}
		if got := binary.LittleEndian.Uint32(u.word(0, 0, 0)); got != c.want {
			t.Errorf("%#x·%#x + %#x gave %#x, want %#x", c.a, c.b, c.sum, got, c.want)
		}
	}
}

func TestDotU8S8(t *testing.T) {
	u := configured(t)
	for r := range 3 {
		for k := range 16 {
			u.word(1, r, k/4)[k%4] = byte(255 - 31*r - k)
		}
	}
	for k := range 16 {
		for c := range 2 {
			u.word(2, k/4, c)[k%4] = byte(-128 + 9*k + c)
		}
	}
	const before = math.MaxInt32 - 5 // sums wrap around
	for r := range 3 {
		for c := range 2 {
			binary.LittleEndian.PutUint32(u.word(0, r, c), before)
		}
	}
	if err := u.dotU8S8(instruction{tile: 0, a: 1, b: 2}); err != nil {
		t.Fatal(err)
	}
	for r := range 3 {
		for c := range 2 {
			want := int32(before)
			for k := range 16 {
				want += int32(255-31*r-k) * int32(-128+9*k+c)
			}
			if got := int32(binary.LittleEndian.Uint32(u.word(0, r, c))); got != want {
				t.Errorf("row %d, column %d: %d, want %d", r, c, got, want)
			}
		}
	}
}

func TestRefuses(t *testing.T) {
	u := configured(t)
	for name, err := range map[string]error{
		"factors in the wrong order": u.dotU8S8(instruction{tile: 0, a: 2, b: 1}),
		"a tile without a shape":     u.dotU8S8(instruction{tile: 3, a: 1, b: 2}),
		"a factor that is the sum":   u.dotBF16(instruction{tile: 0, a: 0, b: 2}),
		"rows of 65 bytes": u.configure(func() []byte {
			c := make([]byte, configSize)
			c[0], c[16], c[48] = 1, rowBytes+1, 1
			return c
		}()),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if u.used(0) == nil {
		t.Error("tiles are used after a configuration that failed")
	}
}

// TestRun checks that a program without tiles runs as ever, with its exit status.
func TestRun(t *testing.T) {
	for args, want := range map[string]int{"exit 0": 0, "exit 7": 7} {
		sh, err := exec.LookPath("sh")
		if err != nil {
			t.Skip("needs sh on PATH; install a shell")
		}
		status, err := run([]string{sh, "-c", args})
		if err != nil {
			t.Skipf("programs cannot be traced here (%v); allow ptrace", err)
		}
		if status.ExitStatus() != want {
			t.Errorf("%s: exit status %d", args, status.ExitStatus())
		}
	}
	if _, err := run([]string{"/nowhere/at/all"}); err == nil {
		t.Error("a program that does not exist ran")
	}
}
