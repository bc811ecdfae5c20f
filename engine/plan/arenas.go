package plan

import (
	"unsafe"

	"github.com/visionzoo/vision/engine/tensor"
)

// arenas are the instances of plans in whose memory values of a frame lie. Each is
// given back when the last of those values is dropped.
type arenas struct {
	frame  *frame
	alive  []*arena
	owners [][]*arena // by slot
}

// arena is one instance in use, with the number of slots whose values lie in its
// memory.
type arena struct {
	inst *instance
	uses int
}

func newArenas(f *frame) *arenas {
	return &arenas{frame: f, owners: make([][]*arena, len(f.values))}
}

// open prepares an instance of a plan.
func (a *arenas) open(p *Plan) (*arena, error) {
	run := a.frame.run
	if err := run.ReserveBytes(int64(p.arena)); err != nil {
		return nil, p.tooLarge(err)
	}
	inst := p.take(run)
	run.Grow(int64(p.arena))
	at := &arena{inst: inst, uses: 1} // the plan itself, while it runs
	a.alive = append(a.alive, at)
	return at, nil
}

// leave gives up one use of an arena.
func (a *arenas) leave(at *arena) {
	if at.uses--; at.uses > 0 {
		return
	}
	p := at.inst.plan
	a.frame.run.Shrink(int64(p.arena))
	for i, other := range a.alive {
		if other == at {
			a.alive = append(a.alive[:i], a.alive[i+1:]...)
			break
		}
	}
	p.give(at.inst)
}

// own records that a slot's value lies in an arena.
func (a *arenas) own(slot int, at *arena) {
	for _, other := range a.owners[slot] {
		if other == at {
			return
		}
	}
	at.uses++
	a.owners[slot] = append(a.owners[slot], at)
}

// find records in which arenas the value in a slot lies: operators may return the
// memory of their inputs, or parts of it.
func (a *arenas) find(slot int, t *tensor.Tensor) {
	if t == nil {
		return
	}
	for _, e := range t.Elems() {
		a.find(slot, e)
	}
	for _, at := range a.alive {
		if at.inst.holds(t) {
			a.own(slot, at)
			return
		}
	}
}

// drop records that a slot was emptied.
func (a *arenas) drop(slot int) {
	owners := a.owners[slot]
	a.owners[slot] = owners[:0]
	for _, at := range owners {
		a.leave(at)
	}
}

// close gives back all instances.
func (a *arenas) close() {
	for _, at := range a.alive {
		a.frame.run.Shrink(int64(at.inst.plan.arena))
		at.inst.plan.give(at.inst)
	}
	a.alive = nil
	for i := range a.owners {
		a.owners[i] = a.owners[i][:0]
	}
}

// inside reports whether any arena holds memory of t.
func (a *arenas) inside(t *tensor.Tensor) bool {
	for _, e := range t.Elems() {
		if a.inside(e) {
			return true
		}
	}
	for _, at := range a.alive {
		if at.inst.holds(t) {
			return true
		}
	}
	return false
}

// holds reports whether t lies in the instance's memory.
func (i *instance) holds(t *tensor.Tensor) bool {
	data := t.Bytes()
	if len(data) == 0 || len(i.memory) == 0 {
		return false
	}
	at := uintptr(unsafe.Pointer(unsafe.SliceData(data)))
	from := uintptr(unsafe.Pointer(unsafe.SliceData(i.memory)))
	return at >= from && at < from+uintptr(len(i.memory))
}
