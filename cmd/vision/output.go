package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// writable checks before the work begins that a file can be written in the end:
// it may be there already, its folder must be.
func writable(flag, path string) error {
	if path == "" {
		return nil
	}
	if info, err := os.Stat(path); err == nil {
		if info.IsDir() {
			return usage("%s %s: a folder; name a file in it", flag, path)
		}
		if !info.Mode().IsRegular() { // a device, a pipe: written to, never replaced
			return nil
		}
	}
	dir := filepath.Dir(path)
	probe, err := os.CreateTemp(dir, ".vision-*")
	if err != nil {
		var p *os.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return usage("%s %s: nothing can be written to folder %s: %w", flag, path, dir, err)
	}
	probe.Close()
	return os.Remove(probe.Name())
}

// writeWhole writes a file at once: under its name there is the whole of it or
// what was there before. What is no regular file is written to as it is.
func writeWhole(path string, write func(io.Writer) error) (err error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(write(f), f.Close())
	}
	part, err := os.CreateTemp(filepath.Dir(path), ".vision-*.part")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			part.Close()
			os.Remove(part.Name())
		}
	}()
	if err = write(part); err != nil {
		return err
	}
	if err = part.Chmod(0o644); err != nil {
		return err
	}
	if err = part.Close(); err != nil {
		return err
	}
	return os.Rename(part.Name(), path)
}
