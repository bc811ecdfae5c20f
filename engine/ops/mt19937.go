package ops

import (
	"math"
	"math/rand/v2"
)

// mersenne is the Mersenne Twister MT19937 (Matsumoto and Nishimura 1998), seeded
// and read like numpy's RandomState, which the ONNX reference uses: a node with a
// seed gives the same numbers.
type mersenne struct {
	state [624]uint32
	next  int
	spare float64 // the second of a pair of normal numbers
	saved bool
}

// newMersenne initialises the generator with a seed.
func newMersenne(seed uint32) *mersenne {
	m := &mersenne{next: 624}
	m.state[0] = seed
	for i := 1; i < len(m.state); i++ {
		m.state[i] = 1812433253*(m.state[i-1]^m.state[i-1]>>30) + uint32(i)
	}
	return m
}

// anySeed returns a random seed.
func anySeed() uint32 { return rand.Uint32() }

func (m *mersenne) uint32() uint32 {
	if m.next == len(m.state) {
		m.twist()
	}
	y := m.state[m.next]
	m.next++
	y ^= y >> 11
	y ^= y << 7 & 0x9d2c5680
	y ^= y << 15 & 0xefc60000
	return y ^ y>>18
}

func (m *mersenne) twist() {
	const n, shift = 624, 397
	for i := range m.state {
		y := m.state[i]&0x80000000 | m.state[(i+1)%n]&0x7fffffff
		m.state[i] = m.state[(i+shift)%n] ^ y>>1 ^ y&1*0x9908b0df
	}
	m.next = 0
}

// uniform returns a multiple of 2^-53 in [0, 1).
func (m *mersenne) uniform() float64 {
	a, b := m.uint32()>>5, m.uint32()>>6
	return (float64(a)*(1<<26) + float64(b)) / (1 << 53)
}

// normal returns a number with mean 0 and variance 1, by Marsaglia's polar
// method.
func (m *mersenne) normal() float64 {
	if m.saved {
		m.saved = false
		return m.spare
	}
	for {
		x, y := 2*m.uniform()-1, 2*m.uniform()-1
		if r := x*x + y*y; r > 0 && r < 1 {
			f := math.Sqrt(-2 * math.Log(r) / r)
			m.spare, m.saved = f*x, true
			return f * y
		}
	}
}
