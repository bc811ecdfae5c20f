package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/visionzoo/vision/internal/await"
	"github.com/visionzoo/vision/internal/whole"
)

// writable checks, before the work begins, that a file can be written at its end.
// The file may exist already; its folder must exist.
func writable(flag, path string) error {
	switch path {
	case "":
		return nil
	case "-":
		return usage("%s -: results go to a file; name one", flag)
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
	if err := probe(dir); err != nil {
		return usage("%s %s: nothing can be written to folder %s: %w", flag, path, dir, plainPath(err))
	}
	return nil
}

// writableFolder makes a folder for results and checks, before the work begins, that
// files can be written to it.
func writableFolder(flag, dir string) error {
	err := os.MkdirAll(dir, 0o755)
	if err == nil {
		if err = probe(dir); err != nil {
			err = fmt.Errorf("nothing can be written to folder %s: %w", dir, plainPath(err))
		}
	}
	if err != nil {
		return usage("%s: %w", flag, err)
	}
	return nil
}

// probe writes a file to a folder and removes it.
func probe(dir string) error {
	f, err := os.CreateTemp(dir, ".vision-*")
	if err != nil {
		return err
	}
	f.Close()
	return os.Remove(f.Name())
}

// plainPath removes the path from an error.
func plainPath(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// writableJSON is writable for a JSON file, which may only replace another JSON
// file: if the flag's value is forgotten, the next argument, a picture, is taken
// for it.
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
		return usage("%s %s: this file exists and is not JSON; name the file to write, such as out.json", flag, path)
	}
	return nil
}

// writeWhole writes a file whole or not at all, or that to which a link leads. Pipes and
// devices are written to directly.
func writeWhole(ctx context.Context, path string, write func(io.Writer) error) error {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		_, err := await.Do(ctx, func() (struct{}, error) { // a pipe may have to wait for its reader
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err == nil {
				err = errors.Join(write(f), f.Close())
			}
			return struct{}{}, err
		})
		return err
	}
	return whole.WriteFile(path, write)
}
