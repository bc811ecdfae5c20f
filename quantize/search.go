package quantize

import (
	"slices"

	"github.com/visionzoo/vision/engine/ir"
)

// The bounds of the search for layers that lose most in 8 bits.
const (
	trials   = 40 // how often a part of the network is quantised alone
	probes   = 8  // samples that each trial runs
	mostKept = 8  // layers that may stay in float32
)

// enough is an error so small that no layer has to stay in float32.
const enough = 0.01

// worth is the factor by which the error must fall for a layer to stay in float32: by
// a tenth, and by as much as the network becomes slower. For its share of the
// multiply-adds float32 takes about three times as long.
func worth(work float64) float64 { return 0.9 / (1 + 2*work) }

// part is a run of layers and the squared error that the outputs have if these alone
// are quantised.
type part struct {
	layers []*ir.Node
	cost   float64
}

// search keeps those layers in float32 that are worth it. The errors of layers add up
// as squares, nearly, so that the costly ones are found by halving the costliest part
// again and again. What they gain is then measured together: a layer's gain may show
// only once another, which makes what it reads, is in float32 too.
func (q *quantizer) search(all *placement, best *Result) (*Result, error) {
	if best.Error <= enough {
		return best, nil
	}
	costly, err := q.costliest(all, best.Error)
	if err != nil {
		return nil, err
	}
	work := q.workShares(all.layers)
	var kept []*ir.Node
	least, price := best.Error, 1.0
	for i, n := range costly {
		q.opt.Observe("choose", trials+i, trials+mostKept)
		if len(kept)+1 == len(all.layers) {
			break
		}
		kept, price = append(kept, n), price*worth(work[n])
		r, err := q.measure(q.place(kept), len(q.want))
		if err != nil {
			return nil, err
		}
		if r.Error < least*price {
			r.Method = best.Method
			best, least = r, r.Error/price
			for _, n := range kept {
				best.Kept = append(best.Kept, n.Name)
			}
		}
	}
	q.opt.Observe("choose", trials+mostKept, trials+mostKept)
	return best, nil
}

// costliest lists the layers that cost most, first those that cost more; whole is the
// error with all of them in integers.
func (q *quantizer) costliest(all *placement, whole float64) ([]*ir.Node, error) {
	tried := 0
	alone := func(layers []*ir.Node) (part, error) {
		q.opt.Observe("choose", tried, trials+mostKept)
		tried++
		rest := slices.DeleteFunc(slices.Clone(all.layers), func(n *ir.Node) bool { return slices.Contains(layers, n) })
		r, err := q.measure(q.place(rest), probes)
		if err != nil {
			return part{}, err
		}
		return part{layers, r.Error * r.Error}, nil
	}
	parts := []part{{all.layers, whole * whole}}
	var found []*ir.Node
	for len(parts) > 0 && len(found) < mostKept && tried < trials {
		i, left := 0, 0.0
		for k, p := range parts {
			if left += p.cost; p.cost > parts[i].cost {
				i = k
			}
		}
		p := parts[i]
		if p.cost <= (1-worth(0)*worth(0))*left { // nor can a layer in it gain enough
			break
		}
		parts = slices.Delete(parts, i, i+1)
		if len(p.layers) == 1 {
			found = append(found, p.layers[0])
			continue
		}
		half := len(p.layers) / 2
		for _, layers := range [][]*ir.Node{p.layers[:half], p.layers[half:]} {
			p, err := alone(layers)
			if err != nil {
				return nil, err
			}
			parts = append(parts, p)
		}
	}
	return found, nil
}

// workShares are the layers' shares of the multiply-adds.
func (q *quantizer) workShares(layers []*ir.Node) map[*ir.Node]float64 {
	work, all := map[*ir.Node]float64{}, 0.0
	for _, n := range layers {
		work[n] = float64(n.Inputs[1].Const().Len()) * q.pixels[n]
		all += work[n]
	}
	for n := range work {
		work[n] /= all
	}
	return work
}
