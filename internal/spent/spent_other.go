//go:build !unix

// Package spent tells tests how much processor time their process has taken.
package spent

import "time"

var began = time.Now()

// Time is the time since the process began, for want of a better.
func Time() time.Duration { return time.Since(began) }
