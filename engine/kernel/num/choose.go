package num

import "unsafe"

// Choose sets dst[i] to a[i] where the condition holds, else to b[i]. Each of a and b may be a single
// number.
func Choose[T uint8 | uint16 | uint32 | uint64](u *Unit, dst []T, holds []bool, a, b []T) {
	holds = holds[:len(dst)]
	n := 0
	if kernel := u.choose[kindOf[T]()-Uint8]; kernel != nil && len(dst) >= block {
		p, stepP, keptP := blocksOf(a)
		q, stepQ, keptQ := blocksOf(b)
		n = len(dst) / block * block
		_, _ = p[:max(block, n/block*stepP)], q[:max(block, n/block*stepQ)]
		size := int(unsafe.Sizeof(dst[0]))
		for i := 0; i < n; i += atOnce {
			kernel(unsafe.Pointer(&dst[i]), unsafe.Pointer(&p[i/block*stepP]), unsafe.Pointer(&q[i/block*stepQ]),
				min(n-i, atOnce)/block, stepP*size, stepQ*size, unsafe.Pointer(&holds[i]))
		}
		release(keptP)
		release(keptQ)
	}
	p, q := step(a), step(b)
	for i := n; i < len(dst); i++ { // by a mask: branches on conditions are hard to predict
		no := b[i*q]
		dst[i] = no ^ (no^a[i*p])&-oneIf[T](holds[i])
	}
}

// oneIf is 1 where the condition holds, otherwise 0, without a branch.
func oneIf[T uint8 | uint16 | uint32 | uint64](holds bool) (one T) {
	if holds {
		one = 1
	}
	return one
}
