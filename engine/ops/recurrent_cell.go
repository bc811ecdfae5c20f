package ops

import (
	"github.com/visionzoo/vision/engine/tensor"
)

// cell is the state and the weights of one direction of a recurrent operator.
type cell[T real] struct {
	op            *recurrent
	f             []func(float64) float64 // the activations
	input, hidden int
	w, r          []T // [gates·hidden input], [gates·hidden hidden]
	bias, peep    []T // [2·gates·hidden], [3·hidden]; nil if absent
	h, c          []T // the state: h is the output, c the memory of an LSTM
	gate, reset   []T // gate: sums of all gates; reset: h times the reset gate
}

func newCell[T real](op *recurrent, c *Call, d, input, hidden int) *cell[T] {
	part := func(i, n int) []T {
		if t := c.input(i); t != nil {
			return tensor.Data[T](t)[d*n:][:n]
		}
		return nil
	}
	rows := op.gates * hidden
	return &cell[T]{op: op, f: op.activations[d], input: input, hidden: hidden,
		w: part(1, rows*input), r: part(2, rows*hidden), bias: part(3, 2*rows), peep: part(7, 3*hidden),
		h: make([]T, hidden), c: make([]T, hidden), gate: make([]T, rows), reset: make([]T, hidden)}
}

// step updates the state with one input.
func (l *cell[T]) step(run *Run, x []T) error {
	switch l.op.kind {
	case gruCell:
		return l.gru(run, x)
	case lstmCell:
		return l.lstm(run, x)
	}
	if err := l.sums(run, x, l.h, 0, 1); err != nil {
		return err
	}
	for k, v := range l.gate {
		l.h[k] = l.act(0, v)
	}
	return nil
}

// act applies activation i to a sum, clipped first.
func (l *cell[T]) act(i int, v T) T {
	if top := T(l.op.clip); top > 0 {
		v = min(max(v, -top), top)
	}
	return T(l.f[i](float64(v)))
}

// sums computes W·x + R·h + both biases for the gates from..to-1.
func (l *cell[T]) sums(run *Run, x, h []T, from, to int) error {
	rows := l.op.gates * l.hidden
	for k := from * l.hidden; k < to*l.hidden; k++ {
		if k&63 == 0 {
			if err := run.Check(); err != nil {
				return err
			}
		}
		v := dot4(x, l.w[k*l.input:]) + dot4(h, l.r[k*l.hidden:])
		if l.bias != nil {
			v += l.bias[k] + l.bias[rows+k]
		}
		l.gate[k] = v
	}
	return nil
}

// dot4 is Σ a·b in four accumulators, which keep the processor's adders busy.
func dot4[T real](a, b []T) T {
	b = b[:len(a)]
	var s0, s1, s2, s3 T
	i := 0
	for ; i+4 <= len(a); i += 4 {
		x, y := a[i:i+4:i+4], b[i:i+4:i+4]
		s0 += x[0] * y[0]
		s1 += x[1] * y[1]
		s2 += x[2] * y[2]
		s3 += x[3] * y[3]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return s0 + s1 + (s2 + s3)
}

// gru updates the state of a GRU, whose gates are z (update), r (reset) and the new state n; biases
// are left out here:
//
//	z = f(Wz·x + Rz·h), r = f(Wr·x + Rr·h)
//	n = g(Wn·x + Rn·(r⊙h)), or g(Wn·x + r⊙(Rn·h)) with linear_before_reset
//	h = (1-z)⊙n + z⊙h
func (l *cell[T]) gru(run *Run, x []T) error {
	n, rows := l.hidden, 3*l.hidden
	if err := l.sums(run, x, l.h, 0, 2); err != nil {
		return err
	}
	for k := range 2 * n {
		l.gate[k] = l.act(0, l.gate[k])
	}
	update, reset, next := l.gate[:n], l.gate[n:2*n], l.gate[2*n:]
	for k := range l.h {
		l.reset[k] = reset[k] * l.h[k]
	}
	if !l.op.linearReset {
		if err := l.sums(run, x, l.reset, 2, 3); err != nil {
			return err
		}
	} else {
		for k := range next {
			if k&63 == 0 {
				if err := run.Check(); err != nil {
					return err
				}
			}
			row := 2*n + k
			v, hidden := dot4(x, l.w[row*l.input:]), dot4(l.h, l.r[row*n:])
			if l.bias != nil {
				v += l.bias[row]
				hidden += l.bias[rows+row]
			}
			next[k] = v + reset[k]*hidden
		}
	}
	for k, z := range update {
		l.h[k] = (1-z)*l.act(1, next[k]) + z*l.h[k]
	}
	return nil
}

// lstm updates the state of an LSTM, whose gates are i (input), o (output), forget and the new memory;
// biases are left out here, p are the peepholes:
//
//	i = f(Wi·x + Ri·h + pi⊙c), forget = f(Wf·x + Rf·h + pf⊙c), or 1-i with input_forget
//	c = forget⊙c + i⊙g(Wc·x + Rc·h)
//	o = f(Wo·x + Ro·h + po⊙c), of the new c
//	h = o⊙act(c), where act is the third activation
func (l *cell[T]) lstm(run *Run, x []T) error {
	if err := l.sums(run, x, l.h, 0, 4); err != nil {
		return err
	}
	n := l.hidden
	for k := range n {
		i, o, forget, fresh := l.gate[k], l.gate[n+k], l.gate[2*n+k], l.gate[3*n+k]
		if l.peep != nil {
			i += l.peep[k] * l.c[k]
			forget += l.peep[2*n+k] * l.c[k]
		}
		i = l.act(0, i)
		if l.op.coupled {
			forget = 1 - i
		} else {
			forget = l.act(0, forget)
		}
		l.c[k] = forget*l.c[k] + i*l.act(1, fresh)
		if l.peep != nil {
			o += l.peep[n+k] * l.c[k]
		}
		l.h[k] = l.act(0, o) * T(l.f[2](float64(l.c[k])))
	}
	return nil
}
