package jpeg

// The inverse DCT is libjpeg's "islow": the 8-point transform of Loeffler, Ligtenberg and
// Moschytz, along columns and then along rows, in fixed point with constants of constBits
// fraction bits. The first pass keeps pass1Bits fraction bits, which the second removes
// together with the factor 8 of the two-dimensional transform.
//
// Coefficients out of range wrap or saturate to 16 bits where they do in libjpeg-turbo's
// vector code, so that twins agree on every input, and damaged files give the same pixels.
const (
	constBits = 13
	pass1Bits = 2
)

// The constants of the paper, times 2^13 and rounded.
const (
	fix0_298631336 = 2446
	fix0_390180644 = 3196
	fix0_541196100 = 4433
	fix0_765366865 = 6270
	fix0_899976223 = 7373
	fix1_175875602 = 9633
	fix1_501321110 = 12299
	fix1_847759065 = 15137
	fix1_961570560 = 16069
	fix2_053119869 = 16819
	fix2_562915447 = 20995
	fix3_072711026 = 25172
)

// idctGo transforms n blocks of coefficients, which are contiguous in coefs, to blocks of
// samples side by side: row y of block b goes to dst[y*stride+8*b:][:8]. n is even.
// Coefficients are multiplied by quant; both are in natural order.
func idctGo(dst []byte, stride int, coefs []int16, quant *[64]int16, n int) {
	for b := range n {
		idctBlock(dst[8*b:], stride, (*[64]int16)(coefs[64*b:]), quant)
	}
}

func idctBlock(dst []byte, stride int, coefs, quant *[64]int16) {
	var work [64]int16
	var ac int16
	for _, v := range coefs[8:] {
		ac |= v
	}
	for x := range 8 {
		c, q := (*[57]int16)(coefs[x:]), (*[57]int16)(quant[x:])
		w := (*[57]int16)(work[x:])
		if ac == 0 {
			dc := (c[0] * q[0]) << pass1Bits
			w[0], w[8], w[16], w[24], w[32], w[40], w[48], w[56] = dc, dc, dc, dc, dc, dc, dc, dc
			continue
		}
		v0, v1, v2, v3, v4, v5, v6, v7 := idct8(
			c[0]*q[0], c[8]*q[8], c[16]*q[16], c[24]*q[24],
			c[32]*q[32], c[40]*q[40], c[48]*q[48], c[56]*q[56], constBits-pass1Bits)
		w[0], w[8], w[16], w[24] = saturate16(v0), saturate16(v1), saturate16(v2), saturate16(v3)
		w[32], w[40], w[48], w[56] = saturate16(v4), saturate16(v5), saturate16(v6), saturate16(v7)
	}
	for y := range 8 {
		r := (*[8]int16)(work[8*y:])
		v0, v1, v2, v3, v4, v5, v6, v7 := idct8(r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], constBits+pass1Bits+3)
		to := (*[8]byte)(dst[y*stride:])
		to[0], to[1], to[2], to[3] = clamp(v0+128), clamp(v1+128), clamp(v2+128), clamp(v3+128)
		to[4], to[5], to[6], to[7] = clamp(v4+128), clamp(v5+128), clamp(v6+128), clamp(v7+128)
	}
}

// idct8 transforms one column or row and divides by 2^shift, rounding.
func idct8(x0, x1, x2, x3, x4, x5, x6, x7 int16, shift uint) (v0, v1, v2, v3, v4, v5, v6, v7 int32) {
	shift &= 31
	half := int32(1) << (shift - 1)
	z2, z3 := int32(x2), int32(x6)
	t2 := z2*fix0_541196100 + z3*(fix0_541196100-fix1_847759065)
	t3 := z2*(fix0_541196100+fix0_765366865) + z3*fix0_541196100
	t0 := int32(x0+x4)<<constBits + half
	t1 := int32(x0-x4)<<constBits + half
	t10, t13 := t0+t3, t0-t3
	t11, t12 := t1+t2, t1-t2

	i7, i5, i3, i1 := int32(x7), int32(x5), int32(x3), int32(x1)
	s3, s4 := int32(x7+x3), int32(x5+x1)
	z3 = s3*(fix1_175875602-fix1_961570560) + s4*fix1_175875602
	z4 := s3*fix1_175875602 + s4*(fix1_175875602-fix0_390180644)
	o0 := i7*(fix0_298631336-fix0_899976223) - i1*fix0_899976223 + z3
	o1 := i5*(fix2_053119869-fix2_562915447) - i3*fix2_562915447 + z4
	o2 := i3*(fix3_072711026-fix2_562915447) - i5*fix2_562915447 + z3
	o3 := i1*(fix1_501321110-fix0_899976223) - i7*fix0_899976223 + z4

	return (t10 + o3) >> shift, (t11 + o2) >> shift, (t12 + o1) >> shift, (t13 + o0) >> shift,
		(t13 - o0) >> shift, (t12 - o1) >> shift, (t11 - o2) >> shift, (t10 - o3) >> shift
}

func saturate16(v int32) int16 { return int16(min(max(v, -1<<15), 1<<15-1)) }
