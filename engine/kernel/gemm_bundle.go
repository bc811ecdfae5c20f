package kernel

// bundled is a step that runs several small chunks of another as one.
type bundled struct {
	step Step
	each int
}

// bundle combines chunks of s, of unit nanoseconds each, into chunks of about
// chunkTime, but leaves at least two.
func bundle(s Step, unit float64) Step {
	if each := int(chunkTime / max(unit, 1)); each > 1 {
		return &bundled{s, min(each, max(1, (s.Chunks()+1)/2))}
	}
	return s
}

func (b *bundled) Chunks() int { return (b.step.Chunks() + b.each - 1) / b.each }

func (b *bundled) Run(chunk int, m *Memory) {
	for i := chunk * b.each; i < min((chunk+1)*b.each, b.step.Chunks()); i++ {
		b.step.Run(i, m)
	}
}
