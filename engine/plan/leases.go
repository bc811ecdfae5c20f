package plan

import (
	"unsafe"

	"github.com/visionzoo/vision/engine/tensor"
)

// The results of a plan lie in the arena of the instance that ran it. If dynamic nodes and
// further stages read them, the instance must not be given back after the run, but when
// the last of these values is dropped. In a detector, the plan of the backbone has the
// features and the candidate boxes as outputs: two slots. NonMaxSuppression reads the boxes,
// whose slot is then dropped; the head's plan reads the features; once their slot is dropped
// too, the backbone's instance goes back. An operator like Reshape may return memory of its
// input: then its slot keeps the instance as well.

// leases are the instances in whose memory values of a frame lie, each with a count of the
// slots.
type leases struct {
	frame  *frame
	alive  []*lease
	owners [][]*lease // by slot
}

// lease is one instance in use.
type lease struct {
	inst *instance
	uses int // slots whose values lie in its memory; plus one while its plan runs
}

func newLeases(f *frame) *leases {
	return &leases{frame: f, owners: make([][]*lease, len(f.values))}
}

// open takes an instance of a plan for a run; release ends that.
func (l *leases) open(p *Plan) (*lease, error) {
	run := l.frame.run
	if err := run.ReserveBytes(int64(p.arena)); err != nil {
		return nil, p.tooLarge(err)
	}
	inst := p.take(run)
	run.Grow(int64(p.arena))
	at := &lease{inst: inst, uses: 1}
	l.alive = append(l.alive, at)
	return at, nil
}

// release gives up one use of an instance, and gives it back with the last.
func (l *leases) release(at *lease) {
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

// track records in which instances the value in a slot lies, if in any: operators may
// return the memory of their inputs, or parts of it.
func (l *leases) track(slot int, t *tensor.Tensor) {
	if t == nil {
		return
	}
	for _, e := range t.Elems() {
		l.track(slot, e)
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
		l.release(at)
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
