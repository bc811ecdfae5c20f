package main

import (
	"bytes"
	"context"
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
		return usage("%s %s: nothing can be written to folder %s: %w", flag, path, dir, plainPath(err))
	}
	probe.Close()
	return os.Remove(probe.Name())
}

// plainPath is what went wrong, without the path.
func plainPath(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// writableJSON is writable for a file of JSON, which takes the place of another
// such file only: who forgets that the flag has a value names a picture there.
func writableJSON(flag, path string) error {
	if err := writable(flag, path); err != nil || path == "" {
		return err
	}
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return usage("%s %s: %w", flag, path, plainPath(err))
	}
	defer f.Close()
	head := make([]byte, 64)
	n, _ := io.ReadFull(f, head)
	if head = bytes.TrimSpace(head[:n]); len(head) == 0 || head[0] != '{' && head[0] != '[' {
		return usage("%s %s: this file is there and is not JSON; name the file to write, such as out.json", flag, path)
	}
	return nil
}

// writeWhole writes a file at once: under its name there is the whole of it or
// what was there before. What is no regular file is written to as it is.
func writeWhole(ctx context.Context, path string, write func(io.Writer) error) (err error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		_, err := await(ctx, func() (struct{}, error) { // a pipe's reader, for one
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err == nil {
				err = errors.Join(write(f), f.Close())
			}
			return struct{}{}, err
		})
		return err
	}
	part, err := os.CreateTemp(filepath.Dir(path), ".vision-*.part")
	if err != nil {
		return err
	}
	defer func() {
		if err == nil {
			return
		}
		part.Close()
		os.Remove(part.Name())
		var p *os.PathError
		if errors.As(err, &p) && p.Path == part.Name() {
			p.Path = path // the other is gone
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
