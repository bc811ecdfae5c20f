package zoo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// partSuffix ends the name of a part.
const partSuffix = ".part"

// part is the part of a blob that has been downloaded: FILE.part beside its final
// name. FILE.part.json says where it comes from.
type part struct {
	*os.File
	root *os.Root
	name string
	size int64
	// mixed: some of it came from an earlier call or another address.
	mixed bool
}

// origin is where the bytes of a part come from, for If-Range.
type origin struct {
	Address string `json:"address"`
	ETag    string `json:"etag,omitempty"`
}

// openPart opens or creates the part of a file. Anything else under its name than a
// regular file without other links (a symbolic link, a pipe) is removed, never
// followed.
func openPart(root *os.Root, file string) (*part, error) {
	name := file + partSuffix
	f, info, err := openBelow(root, name, os.O_RDWR)
	switch {
	case err == nil && links(info) == 1:
		return reopenPart(root, f, name, info.Size())
	case err == nil:
		f.Close()
	case isRegular(root, name): // but cannot be opened: no permission, too many open files
		return nil, cacheError(err)
	}
	if err := root.RemoveAll(name); err != nil {
		return nil, cacheError(err)
	}
	if f, err = root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, fileMode); err != nil {
		return nil, cacheError(err)
	}
	_ = f.Chmod(fileMode) // whatever the umask; systems without modes return an error
	return &part{File: f, root: root, name: name}, nil
}

func isRegular(root *os.Root, name string) bool {
	info, err := root.Lstat(name)
	return err == nil && info.Mode().IsRegular()
}

func reopenPart(root *os.Root, f *os.File, name string, size int64) (*part, error) {
	if _, err := f.Seek(size, io.SeekStart); err != nil {
		f.Close()
		return nil, cacheError(err)
	}
	return &part{File: f, root: root, name: name, size: size, mixed: size > 0}, nil
}

// restart empties the part.
func (p *part) restart() error {
	p.size, p.mixed = 0, false
	err := p.Truncate(0)
	if err == nil {
		_, err = p.Seek(0, io.SeekStart)
	}
	if err == nil {
		err = p.root.Remove(p.name + ".json")
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &localError{cacheError(err)}
	}
	return nil
}

// append writes at the end. If the disk is full, the error says that the part is
// kept.
func (p *part) append(data []byte, write func(*os.File, []byte) (int, error)) error {
	n, err := write(p.File, data)
	p.size += int64(n)
	if full(err) {
		return &localError{fmt.Errorf("the disk is full; what has been downloaded stays in %s: make room, and the next call continues from there", p.Name())}
	}
	if err != nil {
		return &localError{cacheError(err)}
	}
	return nil
}

// localError is a failure of this machine, for which trying another address would
// not help.
type localError struct{ error }

func (e *localError) Unwrap() error { return e.error }

func (p *part) origin() origin {
	var o origin
	data, err := readSmall(p.root, p.name+".json")
	if err != nil || json.Unmarshal(data, &o) != nil {
		return origin{}
	}
	return o
}

// setOrigin records where the following bytes come from.
func (p *part) setOrigin(o origin) error {
	data, err := json.Marshal(o)
	if err != nil {
		return err
	}
	if err := replaceFile(p.root, p.name+".json", data); err != nil {
		return &localError{cacheError(err)}
	}
	return nil
}

// accept flushes the part to the disk, checks its digest and renames it to its
// final name. If the digest is wrong, it is returned and the part stays.
func (p *part) accept(ctx context.Context, b blob, report func(Progress)) (wrong string, err error) {
	if err := p.Sync(); err != nil {
		return "", &localError{cacheError(err)}
	}
	sum, err := digest(ctx, p.File, b.bytes, report)
	if err != nil {
		return "", err
	}
	if sum != b.sha256 {
		return sum, nil
	}
	if err := p.Close(); err != nil {
		return "", &localError{cacheError(err)}
	}
	if err := p.root.Rename(p.name, b.file()); err != nil {
		return "", &localError{cacheError(err)}
	}
	p.root.Remove(p.name + ".json")
	syncDir(p.root)
	return "", nil
}
