// Package limit has the error for something that is over a limit. Programs see it as
// ErrLimit of packages vision, engine and zoo.
package limit

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// Err is what errors.Is finds in such an error.
var Err = errors.New("over a limit")

// Errorf is fmt.Errorf for an error in which errors.Is finds Err too.
func Errorf(format string, args ...any) error { return over{fmt.Errorf(format, args...)} }

// over is an error about a limit; its message names the limit itself.
type over struct{ error }

func (o over) Unwrap() error { return o.error }

func (over) Is(target error) bool { return target == Err }

// Proto bounds a file that holds one protobuf message, in bytes: there are no larger ones.
const Proto = 2 << 30

// ReadAll is io.ReadAll for what has at most so many bytes. Of a file that has more nothing
// is read.
func ReadAll(r io.Reader, most int64) ([]byte, error) {
	if f, ok := r.(*os.File); ok {
		if at, err := f.Stat(); err == nil && at.Size() > most {
			return nil, Errorf("has %d bytes; at most %d are read", at.Size(), most)
		}
	}
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(data)) > most {
		return nil, Errorf("has more than %d bytes", most)
	}
	return data, err
}

// ReadFile is os.ReadFile for a file of at most so many bytes.
func ReadFile(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := ReadAll(f, most)
	if errors.Is(err, Err) {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return data, err
}
