//go:build !race

package engine_test

// raceDetector says that the tests run under it: pools then forget at random.
const raceDetector = false
