// Package limit has the error for something that is over a limit. Programs see it as
// ErrLimit of packages vision, engine and zoo.
package limit

import (
	"errors"
	"fmt"
)

// Err is what errors.Is finds in such an error.
var Err = errors.New("over a limit")

// Errorf is fmt.Errorf for an error in which errors.Is finds Err too.
func Errorf(format string, args ...any) error { return over{fmt.Errorf(format, args...)} }

// over is an error about a limit; its message names the limit itself.
type over struct{ error }

func (o over) Unwrap() error { return o.error }

func (over) Is(target error) bool { return target == Err }
