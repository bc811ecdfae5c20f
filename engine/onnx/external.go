package onnx

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Files gives access to the external data of a model: files below one folder, each
// opened once. A nil Files has none.
type Files struct {
	open   func(name string) (fs.File, error)
	opened map[string][]byte
	closer []io.Closer
}

// NewFiles reads external data below dir, which is opened at the first use. Names
// cannot lead out of it, not even through links: see os.Root.
func NewFiles(dir string) *Files {
	f := &Files{opened: map[string][]byte{}}
	var root *os.Root
	f.open = func(name string) (fs.File, error) {
		if root == nil {
			r, err := os.OpenRoot(dir)
			if err != nil {
				return nil, err
			}
			root = r
			f.closer = append(f.closer, r)
		}
		return openBelow(root, name)
	}
	return f
}

// FilesFrom reads external data from a file system that the caller gives; nil has none.
func FilesFrom(sys fs.FS) *Files {
	if sys == nil {
		return nil
	}
	return &Files{open: sys.Open, opened: map[string][]byte{}}
}

var errNotRegular = errors.New("not a regular file")

// openBelow opens a regular file without following links. Each part of the name is
// opened first and then compared with what its folder, which is open too, has under
// that name: what was checked before could be replaced by a link meanwhile.
func openBelow(folder *os.Root, name string) (*os.File, error) {
	part, rest, inner := strings.Cut(name, "/")
	if !inner {
		file, err := folder.OpenFile(name, os.O_RDONLY|nonblock, 0)
		if err != nil {
			return nil, err
		}
		opened, err := file.Stat()
		if err == nil {
			err = reached(folder, name, opened)
		}
		if err == nil && !opened.Mode().IsRegular() {
			err = errNotRegular
		}
		if err != nil {
			file.Close()
			return nil, err
		}
		return file, nil
	}
	below, err := folder.OpenRoot(part)
	if err != nil {
		return nil, err
	}
	defer below.Close()
	opened, err := below.Stat(".")
	if err != nil {
		return nil, err
	}
	if err := reached(folder, part, opened); err != nil {
		return nil, err
	}
	return openBelow(below, rest)
}

// reached checks that what was opened is what a folder has under the name, not what a
// link there leads to.
func reached(folder *os.Root, name string, opened fs.FileInfo) error {
	there, err := folder.Lstat(name)
	if err == nil && !os.SameFile(there, opened) {
		err = fmt.Errorf("%s is a link, or was replaced meanwhile", Quote(name))
	}
	return err
}

// Read returns the bytes that a tensor's external_data entries name; the tensor
// takes want bytes.
func (f *Files) Read(entries []Entry, want int64) ([]byte, error) {
	var location, offset, length string
	for _, e := range entries {
		switch e.Key { // other keys carry no meaning here
		case "location":
			location = e.Value
		case "offset":
			offset = e.Value
		case "length":
			length = e.Value
		}
	}
	if location == "" {
		return nil, errors.New("external data without a location")
	}
	if f == nil {
		return nil, fmt.Errorf("external data in %s, but the model was opened without a folder; open it from its file, or with engine.WithFiles", Quote(location))
	}
	if err := checkLocation(location); err != nil {
		return nil, err
	}
	data, err := f.load(path.Clean(location))
	if err != nil {
		return nil, err
	}
	from, err := number("offset", offset, 0)
	if err != nil {
		return nil, err
	}
	if from > int64(len(data)) {
		return nil, fmt.Errorf("offset %d is beyond the %d bytes of %s", from, len(data), Quote(location))
	}
	size, err := number("length", length, want)
	if err != nil {
		return nil, err
	}
	if size != want {
		return nil, fmt.Errorf("length %d in %s does not fit the tensor's %d bytes", size, Quote(location), want)
	}
	if size > int64(len(data))-from {
		return nil, fmt.Errorf("length %d from offset %d is beyond the %d bytes of %s", size, from, len(data), Quote(location))
	}
	return data[from : from+size], nil
}

// checkLocation refuses everything but a plain relative path below the model's
// folder, by the same rule on every system.
func checkLocation(s string) error {
	outside := fmt.Errorf("location %s is outside the model's folder", Quote(s))
	switch {
	case strings.ContainsRune(s, 0):
		return fmt.Errorf("location %s holds a NUL", Quote(s))
	case strings.ContainsAny(s, `\`), strings.HasPrefix(s, "/"):
		return outside
	case strings.Contains(s, ":"): // a drive, a URL, a stream of NTFS
		return outside
	}
	for _, part := range strings.Split(s, "/") {
		if part == ".." {
			return outside
		}
	}
	if c := path.Clean(s); c == "." {
		return fmt.Errorf("location %s is a folder, not a file", Quote(s))
	}
	return nil
}

func number(key, s string, or int64) (int64, error) {
	if s == "" {
		return or, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%s %s is not a decimal number of bytes", key, Quote(s))
	}
	return n, nil
}

// load maps or reads a file once.
func (f *Files) load(name string) ([]byte, error) {
	if data, ok := f.opened[name]; ok {
		return data, nil
	}
	file, err := f.open(name)
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, fmt.Errorf("external file %s: %w", Quote(name), err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errNotRegular
	}
	if err != nil {
		return nil, fmt.Errorf("external file %s: %w", Quote(name), err)
	}
	data, closer, err := mapFile(file, info.Size())
	if err != nil {
		return nil, fmt.Errorf("external file %s: %w", Quote(name), err)
	}
	f.opened[name] = data
	if closer != nil {
		f.closer = append(f.closer, closer)
	}
	return data, nil
}

// Holds reports whether an address is in a mapped file.
func (f *Files) Holds(address uintptr) bool {
	if f == nil {
		return false
	}
	return slices.ContainsFunc(f.closer, func(c io.Closer) bool {
		m, ok := c.(interface{ Holds(uintptr) bool })
		return ok && m.Holds(address)
	})
}

// Close unmaps the files; no data may be used after it.
func (f *Files) Close() error {
	if f == nil {
		return nil
	}
	var err error
	for _, c := range f.closer {
		err = errors.Join(err, c.Close())
	}
	f.closer = nil
	return err
}

// Map opens a file for reading as bytes: mapped where the system can, read
// elsewhere. Where a mapped file has become shorter, reading faults (see
// debug.SetPanicOnFault) at an address that closer Holds. The zoo's files never
// do, since they are replaced by renaming.
func Map(name string) (data []byte, closer io.Closer, err error) {
	file, err := os.OpenFile(name, os.O_RDONLY|nonblock, 0)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, nil, err
	}
	if info.IsDir() {
		return nil, nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("is a folder, not a model")}
	}
	if !info.Mode().IsRegular() {
		return nil, nil, &fs.PathError{Op: "open", Path: name, Err: errNotRegular}
	}
	return mapFile(file, info.Size())
}

// readAll is mapFile for files that cannot be mapped.
func readAll(file fs.File, size int64) ([]byte, io.Closer, error) {
	if size != int64(int(size)) {
		return nil, nil, fmt.Errorf("%d bytes are more than this system can address", size)
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(file, data); err != nil {
		return nil, nil, err
	}
	return data, nil, nil
}
