//go:build !purego

package vision

// linearWords are the weights of two pixels as linearAcrossAsm wants them.
type linearWords = [8]int16

func newLinearWords(w0, w1 int16) linearWords { return linearWords{w0, w1, w0, w1, w0, w1} }

// halfSpare is how many pixels of the result linearHalfAsm reads ahead.
const halfSpare = 1
