package zoo

import (
	"errors"
	"io/fs"
	"os"
)

var errNotRegular = errors.New("not a regular file")

// openRegular opens a regular file for reading. It is opened first and then looked
// at: what was looked at first could be replaced meanwhile, by a pipe for example,
// which would block.
func openRegular(name string) (*os.File, fs.FileInfo, error) {
	return regular(os.OpenFile(name, os.O_RDONLY|nonblock, 0))
}

// openBelow is openRegular for a file in a folder of the zoo's own, of which it
// follows no link; flag is os.O_RDONLY or os.O_RDWR.
func openBelow(folder *os.Root, name string, flag int) (*os.File, fs.FileInfo, error) {
	f, info, err := regular(folder.OpenFile(name, flag|nonblock, 0))
	if err != nil {
		return nil, nil, err
	}
	there, err := folder.Lstat(name)
	if err == nil && !os.SameFile(there, info) {
		err = errNotRegular
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

func regular(f *os.File, err error) (*os.File, fs.FileInfo, error) {
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errNotRegular
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// pathless removes the path from an error, for callers that name it themselves.
func pathless(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
