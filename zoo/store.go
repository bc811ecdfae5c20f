package zoo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Home returns the zoo's folder: $VISION_HOME, else vision in the user's cache
// folder.
func Home() (string, error) {
	if home := os.Getenv("VISION_HOME"); home != "" {
		return filepath.Abs(home)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache folder: %w; set VISION_HOME to a folder of your own", err)
	}
	return filepath.Join(cache, "vision"), nil
}

const (
	dirMode  = 0o700
	fileMode = 0o644
)

// store is one model's place in the cache: home/models/<name>.
type store struct {
	home string
	card *Card
	root *os.Root // of the folder
	held *lock    // the right to write to it, if lockStore opened it
}

func folder(home string, c *Card) string { return filepath.Join(home, "models", c.Name) }

// target is the path of the model's file.
func target(home string, c *Card) string { return filepath.Join(folder(home, c), c.File()) }

// safeFolder creates a folder if it does not exist, and refuses one that others may
// write to.
func safeFolder(dir string) error {
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return fmt.Errorf("cache: %w; set VISION_HOME to a folder that can be written", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return cacheError(err)
	}
	return checkOwner(info, dir)
}

// openStore opens a model's folder, which it creates if necessary. It refuses
// folders that others may write to.
func openStore(home string, c *Card) (*store, error) {
	dir := folder(home, c)
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return nil, fmt.Errorf("cache: %w; set VISION_HOME to a folder that can be written", err)
	}
	return openExisting(home, c)
}

// openExisting is openStore for an existing folder; if it does not exist, the error
// is fs.ErrNotExist.
func openExisting(home string, c *Card) (*store, error) {
	base, err := os.OpenRoot(home)
	if err != nil {
		return nil, cacheError(err)
	}
	defer base.Close()
	if err := checkFolders(base, home); err != nil {
		return nil, err
	}
	root, err := base.OpenRoot(filepath.Join("models", c.Name))
	if err != nil {
		return nil, cacheError(err)
	}
	info, err := root.Stat(".")
	if err == nil {
		err = checkOwner(info, folder(home, c))
	}
	if err != nil {
		root.Close()
		return nil, err
	}
	return &store{home: home, card: c, root: root}, nil
}

func (s *store) path() string { return target(s.home, s.card) }

// close closes a folder that lockStore opened, removes it if it is empty, and unlocks it.
func (s *store) close() {
	s.root.Close()
	os.Remove(folder(s.home, s.card)) // fails unless it is empty
	s.held.release()
}

// record is card.json: the card at the time of the download, and what is needed to
// avoid hashing the file again.
type record struct {
	Card     *Card     `json:"card"`
	Source   string    `json:"source,omitempty"` // where the file came from
	Verified time.Time `json:"verified"`         // when size and digest were last checked
	Modified time.Time `json:"modified"`         // the file's modification time then
}

const recordFile = "card.json"

// present reports whether the model's file exists and is right. It is hashed unless
// that was done since it last changed, so a file that was put there by hand is as
// good as a downloaded one.
func (s *store) present(ctx context.Context, report func(Progress)) (bool, error) {
	f, info, err := openBelow(s.root, s.card.File(), os.O_RDONLY)
	if err != nil {
		return false, ctx.Err()
	}
	defer f.Close()
	if r, err := s.readRecord(); err == nil && r.Card != nil && r.Card.SHA256 == s.card.SHA256 && info.Size() == s.card.Bytes && r.Modified.Equal(info.ModTime()) {
		return true, nil
	}
	if !s.card.blob().is(ctx, f, info, report) {
		return false, ctx.Err()
	}
	s.writeRecord("put there by hand", info)
	return true, nil
}

// holds reports whether a blob's file exists and is right.
func (s *store) holds(ctx context.Context, b blob, report func(Progress)) (bool, error) {
	f, info, err := openBelow(s.root, b.file(), os.O_RDONLY)
	if err != nil {
		return false, ctx.Err()
	}
	defer f.Close()
	return b.is(ctx, f, info, report), ctx.Err()
}

// is reports whether an open file is the blob's, by its size and digest.
func (b blob) is(ctx context.Context, f *os.File, info fs.FileInfo, report func(Progress)) bool {
	if info.Size() != b.bytes {
		return false
	}
	sum, err := digest(ctx, f, b.bytes, report)
	return err == nil && sum == b.sha256
}

func (s *store) readRecord() (*record, error) {
	data, err := readSmall(s.root, recordFile)
	if err != nil {
		return nil, err
	}
	r := new(record)
	return r, json.Unmarshal(data, r)
}

// readSmall reads a small file of the zoo's own.
func readSmall(root *os.Root, name string) ([]byte, error) {
	f, _, err := openBelow(root, name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, 1<<20))
}

// writeRecord writes card.json about the file that was checked. Failures are
// ignored: without it the file is only hashed again.
func (s *store) writeRecord(source string, checked fs.FileInfo) {
	data, err := json.MarshalIndent(record{s.card, source, time.Now().UTC().Truncate(time.Second), checked.ModTime()}, "", "  ")
	if err == nil {
		_ = replaceFile(s.root, recordFile, append(data, '\n'))
	}
}

// replaceFile writes a small file atomically.
func replaceFile(root *os.Root, name string, data []byte) error {
	temporary := name + ".new"
	if err := root.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	_ = f.Chmod(fileMode) // whatever the umask
	_, err = f.Write(data)
	if err := errors.Join(err, f.Close()); err != nil {
		root.Remove(temporary)
		return err
	}
	return root.Rename(temporary, name)
}

// digest computes the sha256 of a whole file in hex. It checks the context every
// few milliseconds and reports its progress.
func digest(ctx context.Context, r io.ReadSeeker, total int64, report func(Progress)) (string, error) {
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	h, buf := sha256.New(), make([]byte, 1<<20)
	for done := int64(0); ; {
		if err := ctx.Err(); err != nil {
			return "", context.Cause(ctx)
		}
		n, err := r.Read(buf)
		h.Write(buf[:n])
		done += int64(n)
		report(Progress{State: Verifying, Done: done, Total: total})
		if err == io.EOF {
			return hex.EncodeToString(h.Sum(nil)), nil
		}
		if err != nil {
			return "", err
		}
	}
}
