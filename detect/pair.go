package detect

import "fmt"

// pair finds two matrices with equally many rows: by their names, or, if the names
// differ, by the second's width.
func (f *frame) pair(first, second string, width int) (a, b array, err error) {
	a, okA := f.byName(first)
	b, okB := f.byName(second)
	if !okA || !okB {
		if len(f.out) < 2 {
			return a, b, fmt.Errorf("one output; the head needs %q and %q", first, second)
		}
		a, b = f.out[0], f.out[1]
		if a.width() == width && b.width() != width {
			a, b = b, a
		}
	}
	a, b = a.squeeze(2), b.squeeze(2)
	rows, err := a.rows(0)
	if err != nil {
		return a, b, err
	}
	if a.shape[1] == 0 {
		return a, b, fmt.Errorf("output %q has no columns", a.name)
	}
	other, err := b.rows(width)
	if err == nil && other != rows {
		err = fmt.Errorf("outputs %q and %q have %d and %d rows", a.name, b.name, rows, other)
	}
	return a, b, err
}
