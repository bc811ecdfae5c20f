package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Weights of 22 bits and more do not fit the 16-bit multiplier, so each is two
// words, k = hi<<11 + lo with 0 ≤ lo < 2^11. Sums of both halves are exact in 32
// bits (modulo 2^32, which the last addition undoes), so the result is Pillow's.
const lowBits = 11

// rounding is half of 2^22, a dword each.
func rounding() Mem {
	m := GLOBL("resizeRounding", RODATA|NOPTR)
	DATA(0, U32(1<<21))
	return m
}

// tapShuffle spreads four RGB pixels into words: red of pixels 0 and 1, green
// of both, blue of both, nothing; the upper lane the same of pixels 2 and 3.
func tapShuffle() Mem {
	m := GLOBL("resizeTaps", RODATA|NOPTR)
	at := 0
	for lane := range 2 {
		for c := range 4 {
			for pixel := range 2 {
				low := byte(lane*6 + pixel*3 + c)
				if c == 3 {
					low = 0x80
				}
				DATA(at, U8(low))
				DATA(at+1, U8(0x80))
				at += 2
			}
		}
	}
	return m
}

func horizontal(half Mem) {
	shuffle := tapShuffle()
	TEXT("horizontalAVX2", NOSPLIT, "func(dst *byte, stride int, rows *[4]*byte, offsets *int32, words *int16, n, groups int)")
	Pragma("noescape")
	Doc("horizontalAVX2 resizes four rows of RGB. Output pixel i of row r is the sum over groups*4",
		"source pixels from byte offsets[i] of rows[r]; words holds 32 a group and output: the upper",
		"halves of the four weights as the pixels are spread, then the lower. It reads 4 bytes past",
		"the last pixel of a sum and writes 1 byte past the last of the n pixels at dst+r*stride.")
	dst, stride := Load(Param("dst"), GP64()), Load(Param("stride"), GP64())
	table := Load(Param("rows"), GP64())
	offsets, words := Load(Param("offsets"), GP64()), Load(Param("words"), GP64())
	n := Load(Param("n"), GP64())
	var row [4]reg.Register
	for r := range row {
		row[r] = GP64()
		MOVQ(Mem{Base: table, Disp: 8 * r}, row[r])
	}
	stride3 := GP64()
	LEAQ(Mem{Base: stride, Index: stride, Scale: 2}, stride3)
	mask := YMM()
	VMOVDQU(shuffle, mask)
	round := XMM()
	VPBROADCASTD(half, round)
	at, left := GP64(), GP64()

	Label("pixel")
	MOVLQSX(Mem{Base: offsets}, at)
	MOVQ(NewParamAddr("groups", 48), left)
	var hi, lo [4]reg.VecVirtual
	for r := range 4 {
		hi[r], lo[r] = YMM(), YMM()
		VPXOR(hi[r], hi[r], hi[r])
		VPXOR(lo[r], lo[r], lo[r])
	}
	upper, lower := YMM(), YMM()
	Label("group")
	VMOVDQU(Mem{Base: words}, upper)
	VMOVDQU(Mem{Base: words, Disp: 32}, lower)
	for r := range 4 {
		pix, product := YMM(), YMM()
		VBROADCASTI128(Mem{Base: row[r], Index: at, Scale: 1}, pix)
		VPSHUFB(mask, pix, pix)
		VPMADDWD(upper, pix, product)
		VPADDD(product, hi[r], hi[r])
		VPMADDWD(lower, pix, pix)
		VPADDD(pix, lo[r], lo[r])
	}
	ADDQ(Imm(64), words)
	ADDQ(Imm(12), at)
	DECQ(left)
	JNZ(LabelRef("group"))

	var sum [4]reg.Register
	for r := range 4 {
		VPSLLD(Imm(lowBits), hi[r], hi[r])
		VPADDD(lo[r], hi[r], hi[r])
		x := XMM()
		VEXTRACTI128(Imm(1), hi[r], x)
		VPADDD(x, hi[r].AsX(), x)
		VPADDD(round, x, x)
		VPSRAD(Imm(22), x, x)
		sum[r] = x
	}
	VPACKSSDW(sum[1], sum[0], sum[0])
	VPACKSSDW(sum[3], sum[2], sum[2])
	VPACKUSWB(sum[2], sum[0], sum[0])
	VMOVD(sum[0], Mem{Base: dst})
	VPEXTRD(Imm(1), sum[0], Mem{Base: dst, Index: stride, Scale: 1})
	VPEXTRD(Imm(2), sum[0], Mem{Base: dst, Index: stride, Scale: 2})
	VPEXTRD(Imm(3), sum[0], Mem{Base: dst, Index: stride3, Scale: 1})
	ADDQ(Imm(3), dst)
	ADDQ(Imm(4), offsets)
	DECQ(n)
	JNZ(LabelRef("pixel"))
	VZEROUPPER()
	RET()
}

func vertical(half Mem) {
	TEXT("verticalAVX2", NOSPLIT, "func(dst, lines *byte, stride int, words *[4]int16, taps, n int)")
	Pragma("noescape")
	Doc("verticalAVX2 makes n bytes, a multiple of 16, each the weighted sum of the bytes below one",
		"another in taps lines, stride apart. words holds for each two taps their upper halves and",
		"their lower ones; an odd last tap is paired with a weight of 0 and no line.")
	dst, lines := Load(Param("dst"), GP64()), Load(Param("lines"), GP64())
	stride, words := Load(Param("stride"), GP64()), Load(Param("words"), GP64())
	n := Load(Param("n"), GP64())
	round := YMM()
	VPBROADCASTD(half, round)

	Label("block")
	var sums [4]reg.VecVirtual // hi and lo of the lower and of the upper words of each lane
	for i := range sums {
		sums[i] = YMM()
		VPXOR(sums[i], sums[i], sums[i])
	}
	line, word, left := GP64(), GP64(), GP64()
	MOVQ(lines, line)
	MOVQ(words, word)
	MOVQ(NewParamAddr("taps", 32), left)
	zero := YMM()
	VPXOR(zero, zero, zero)
	SUBQ(Imm(2), left)
	JL(LabelRef("odd"))
	Label("pair")
	a, b := YMM(), YMM()
	VPMOVZXBW(Mem{Base: line}, a)
	VPMOVZXBW(Mem{Base: line, Index: stride, Scale: 1}, b)
	weigh(a, b, word, sums)
	LEAQ(Mem{Base: line, Index: stride, Scale: 2}, line)
	ADDQ(Imm(8), word)
	SUBQ(Imm(2), left)
	JGE(LabelRef("pair"))
	Label("odd")
	CMPQ(left, I8(-1))
	JNE(LabelRef("store"))
	VPMOVZXBW(Mem{Base: line}, a)
	weigh(a, zero, word, sums)
	Label("store")
	for i := 0; i < 4; i += 2 {
		VPSLLD(Imm(lowBits), sums[i], sums[i])
		VPADDD(sums[i+1], sums[i], sums[i])
		VPADDD(round, sums[i], sums[i])
		VPSRAD(Imm(22), sums[i], sums[i])
	}
	VPACKSSDW(sums[2], sums[0], sums[0])
	VPACKUSWB(sums[0], sums[0], sums[0])
	VPERMQ(Imm(0b1000), sums[0], sums[0])
	VMOVDQU(sums[0].AsX(), Mem{Base: dst})
	ADDQ(Imm(16), dst)
	ADDQ(Imm(16), lines)
	SUBQ(Imm(16), n)
	JNZ(LabelRef("block"))
	VZEROUPPER()
	RET()
}

// weigh adds two lines of 16 words, multiplied by the weights at word.
func weigh(a, b reg.VecVirtual, word reg.Register, sums [4]reg.VecVirtual) {
	upper, lower := YMM(), YMM()
	VPBROADCASTD(Mem{Base: word}, upper)
	VPBROADCASTD(Mem{Base: word, Disp: 4}, lower)
	near, far, product := YMM(), YMM(), YMM()
	VPUNPCKLWD(b, a, near)
	VPUNPCKHWD(b, a, far)
	for i, pair := range []reg.VecVirtual{near, far} {
		VPMADDWD(upper, pair, product)
		VPADDD(product, sums[2*i], sums[2*i])
		VPMADDWD(lower, pair, pair)
		VPADDD(pair, sums[2*i+1], sums[2*i+1])
	}
}
