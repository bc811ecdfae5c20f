//go:build race

package vision

// patience is how much longer a test may take under the race detector.
const patience = 10
