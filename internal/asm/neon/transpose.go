package main

import "fmt"

// transposes writes the conversions between up to 8 planes and pixels of 8 numbers.
func transposes(e *emitter) {
	v := newVec(e)
	for _, all := range []bool{true, false} {
		v.interleave(all)
		v.deinterleave(all)
	}
}

// planes begins a kernel and sets R6 to R13 to the planes, of which the first is at a
// parameter's register.
func (v *vec) planes(name, doc string, all bool, base int) {
	doc += " of 8 numbers."
	if !all {
		name, doc = name+"Some", doc+" There are fewer than 8 planes, or none."
	}
	v.text(name, "dst, src unsafe.Pointer, plane, channels, pixels int", 40, doc+" It accesses no other pixels and channels.",
		"R1 dst, R2 src, R3 bytes of a plane, R4 channels, R5 pixels left, R6 to R13 planes, R16 temporary; V0 to V7, V16 to V19. The last one to three pixels are copied number by number.")
	v.begin()
	v.arguments("dst", "src", "plane", "channels", "pixels")
	v.p("MOVD R%d, R6", base)
	for c := 1; c < 8; c++ {
		v.p("ADD R3, R%d, R%d", 5+c, 6+c)
	}
}

// eachPlane visits up to 8 planes, with the vector and the pointer of each; code for
// missing ones is skipped at run time.
func (v *vec) eachPlane(all bool, visit func(c, at int)) {
	done := fmt.Sprintf("planes%d", v.labels)
	v.labels++
	for c := range 8 {
		if !all {
			v.p("CMP $%d, R4", c)
			v.p("BLE %s", done)
		}
		visit(c, 6+c)
	}
	if !all {
		v.label(done)
	}
}

// turnBoth transposes V0 to V3 and V4 to V7.
func (v *vec) turnBoth() {
	v.turn([4]int{0, 1, 2, 3}, [4]int{16, 17, 18, 19})
	v.turn([4]int{4, 5, 6, 7}, [4]int{16, 17, 18, 19})
}

// interleave writes the conversion of planes to pixels: of all 8, or of fewer.
func (v *vec) interleave(all bool) {
	const dst, left = 1, 5
	v.planes("Interleave", "converts planes to pixels, the pixels", all, 2)
	pixel := func(i int) {
		v.strQ(i, dst, 32*i)
		v.strQ(4+i, dst, 32*i+16)
	}
	v.along(left, nil, 1, func(_, last int) {
		for c := range 8 {
			if !all || last != whole {
				v.zero(c)
			}
		}
		v.eachPlane(all, func(c, at int) {
			if last == whole {
				v.ldrQNext(c, at)
			} else {
				v.load(c, at, 0, last)
			}
		})
		v.turnBoth()
		if last != whole {
			v.some(last, pixel)
			return
		}
		for i := range 4 {
			pixel(i)
		}
		v.p("ADD $128, R%d", dst)
	})
	v.ret()
}

// deinterleave writes the conversion back.
func (v *vec) deinterleave(all bool) {
	const src, left = 2, 5
	v.planes("Deinterleave", "makes planes from pixels", all, 1)
	pixel := func(i int) {
		v.ldrQ(i, src, 32*i)
		v.ldrQ(4+i, src, 32*i+16)
	}
	v.along(left, nil, 1, func(_, last int) {
		if last != whole {
			v.some(last, pixel)
		} else {
			for i := range 4 {
				pixel(i)
			}
			v.p("ADD $128, R%d", src)
		}
		v.turnBoth()
		v.eachPlane(all, func(c, at int) {
			if last == whole {
				v.strQNext(c, at)
			} else {
				v.store(c, at, 0, last)
			}
		})
	})
	v.ret()
}
