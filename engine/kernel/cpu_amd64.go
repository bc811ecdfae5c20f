//go:build amd64 && !purego

package kernel

import "golang.org/x/sys/cpu"

// features has the processor features on which rungs depend. A flag is set only if the
// operating system supports the registers too.
type features struct {
	avx2   bool // with FMA and F16C
	avx512 bool // F, BW, DQ, VL
	vnni   bool // avx512 with VPDPBUSD
	vbmi   bool // vnni with VPERMI2B
	bf16   bool // vnni with VDPBF16PS (AVX512_BF16)
	amx    bool // bf16 with tiles for bf16 and int8, and the right to use them
}

// detect returns the features of this processor.
func detect() features {
	x := &cpu.X86
	var f features
	f.avx2 = x.HasAVX2 && x.HasFMA && x.HasF16C
	f.avx512 = f.avx2 && x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL
	f.vnni = f.avx512 && x.HasAVX512VNNI
	f.vbmi = f.vnni && x.HasAVX512VBMI
	// permitTiles comes last: it requests the permission only if it will be used.
	f.bf16 = f.vnni && x.HasAVX512BF16
	f.amx = f.bf16 && (tilesEmulated || x.HasAMXTile && x.HasAMXBF16 && x.HasAMXInt8 && permitTiles())
	return f
}
