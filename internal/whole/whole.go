// Package whole writes files that appear whole, or not at all.
package whole

import (
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFile writes a file. Until everything that write wrote is on the disk, path has what
// it had before, and it keeps that if anything fails or panics.
//
// What is written goes to a hidden file in the same folder, which is renamed to path at the
// end, or removed after a failure; errors name path. Others may read it as the umask allows.
// A symbolic link is replaced, not followed.
func WriteFile(path string, write func(io.Writer) error) error {
	folder, name := filepath.Split(path)
	part := filepath.Join(folder, "."+name+"."+rand.Text()[:10]+".part")
	if len(filepath.Base(part)) > 200 { // near the limit of most systems
		part = filepath.Join(folder, "."+rand.Text()+".part")
	}
	err := writeAs(part, path, write)
	var p *fs.PathError
	var l *os.LinkError
	switch { // part is gone: name the file that the caller knows
	case errors.As(err, &p) && p.Path == part:
		p.Path = path
	case errors.As(err, &l) && l.Old == part:
		err = &fs.PathError{Op: "replace", Path: path, Err: l.Err}
	}
	return err
}

// writeAs writes the file part and renames it to path, or removes it.
func writeAs(part, path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(part, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	renamed := false
	defer func() {
		if !renamed {
			f.Close() // Windows does not remove open files
			os.Remove(part)
		}
	}()
	if err := write(f); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(part, path); err != nil {
		return err
	}
	renamed = true
	return nil
}
