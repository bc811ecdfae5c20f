package plan

import (
	"unsafe"

	"github.com/visionzoo/vision/engine/tensor"
)

// leases are the instances of plans in whose memory values of a frame lie. Each is
// given back when the last of those values is dropped.
type leases struct {
	frame  *frame
	alive  []*lease
	owners [][]*lease // by slot
}

// lease is one instance in use, with the number of slots whose values lie in its
// memory.
type lease struct {
	inst *instance
	uses int
}

func newLeases(f *frame) *leases {
	return &leases{frame: f, owners: make([][]*lease, len(f.values))}
}

// open prepares an instance of a plan.
func (l *leases) open(p *Plan) (*lease, error) {
	run := l.frame.run
	if err := run.ReserveBytes(int64(p.arena)); err != nil {
		return nil, p.tooLarge(err)
	}
	inst := p.take(run)
	run.Grow(int64(p.arena))
	at := &lease{inst: inst, uses: 1} // the plan itself, while it runs
	l.alive = append(l.alive, at)
	return at, nil
}

// leave gives up one use of an instance.
func (l *leases) leave(at *lease) {
	if at.uses--; at.uses > 0 {
		return
	}
	p := at.inst.plan
	l.frame.run.Shrink(int64(p.arena))
	for i, other := range l.alive {
		if other == at {
			l.alive = append(l.alive[:i], l.alive[i+1:]...)
			break
		}
	}
	p.give(at.inst)
}

// own records that a slot's value lies in an instance.
func (l *leases) own(slot int, at *lease) {
	for _, other := range l.owners[slot] {
		if other == at {
			return
		}
	}
	at.uses++
	l.owners[slot] = append(l.owners[slot], at)
}

// find records in which instances the value in a slot lies: operators may return the
// memory of their inputs, or parts of it.
func (l *leases) find(slot int, t *tensor.Tensor) {
	if t == nil {
		return
	}
	for _, e := range t.Elems() {
		l.find(slot, e)
	}
	for _, at := range l.alive {
		if at.inst.holds(t) {
			l.own(slot, at)
			return
		}
	}
}

// drop records that a slot was emptied.
func (l *leases) drop(slot int) {
	owners := l.owners[slot]
	l.owners[slot] = owners[:0]
	for _, at := range owners {
		l.leave(at)
	}
}

// close gives back all instances.
func (l *leases) close() {
	for _, at := range l.alive {
		l.frame.run.Shrink(int64(at.inst.plan.arena))
		at.inst.plan.give(at.inst)
	}
	l.alive = nil
	for i := range l.owners {
		l.owners[i] = l.owners[i][:0]
	}
}

// inside reports whether any instance holds memory of t.
func (l *leases) inside(t *tensor.Tensor) bool {
	for _, e := range t.Elems() {
		if l.inside(e) {
			return true
		}
	}
	for _, at := range l.alive {
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
