//go:build !windows

// Package clock measures short times: on Windows, time.Now stands still for up to 16 ms.
package clock

import "time"

// Now is a moment that Since and other results of Now may be compared with.
func Now() time.Time { return time.Now() }

// Since is the time from t, a result of Now, until now.
func Since(t time.Time) time.Duration { return time.Since(t) }
