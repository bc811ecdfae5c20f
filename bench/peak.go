package main

import (
	"fmt"
	"runtime"
	"time"
)

// peaks are the most that one core computes, in 10⁹ operations a second, as the
// best of many short bursts measured so far; 0 where it is not known. asAVX2 is of a core
// without later vectors.
type peaks struct {
	F32, TileBF16 float64
	asAVX2        bool
}

// look measures for a while and keeps what is better. Another virtual machine that
// takes half of the core may do so for seconds: measuring again now and then helps.
func (p *peaks) look(during time.Duration) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	p.F32 = max(p.F32, best(func() (func(), float64) { return f32Burst(p.asAVX2) }, during))
	if !p.asAVX2 {
		p.TileBF16 = max(p.TileBF16, best(tileBurst, during))
	}
}

func best(of func() (func(), float64), during time.Duration) float64 {
	burst, operations := of()
	if burst == nil {
		return 0
	}
	most := 0.0
	for begin := time.Now(); time.Since(begin) < during; {
		start := time.Now()
		burst()
		most = max(most, operations/1e9/time.Since(start).Seconds())
	}
	return most
}

// String is empty where nothing is known.
func (p peaks) String() string {
	s := ""
	if p.F32 > 0 {
		s = fmt.Sprintf("one core's peak %.0f GFLOP/s of f32", p.F32)
		if p.asAVX2 {
			s += " with AVX2 alone"
		}
	}
	if p.TileBF16 > 0 {
		s += fmt.Sprintf(", %.0f of bf16 on tiles", p.TileBF16)
	}
	return s
}
