package zoo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/visionzoo/vision/assets"
	"github.com/visionzoo/vision/internal/await"
)

// Pull downloads a model into the cache, unless it is there already, and returns
// the path of its file, which is complete and has the catalogue's digest. If a call
// is cancelled or killed, the next one continues the download; of several
// concurrent calls one downloads and the others wait. If the name leaves the opset
// open ("mnist") and the newest file cannot be fetched, another opset that the
// cache or the mirror has is taken, and WithNotice's function is called.
//
// The error is a NotInZooError, a FetchError, ErrUnsafe, the context's, or one of
// this machine (a full disk).
func Pull(ctx context.Context, name string, opts ...Option) (string, error) {
	if err := await.Check(ctx); err != nil {
		return "", err
	}
	card, c, err := lookUp(name, opts)
	if err != nil {
		return "", err
	}
	if card.Builtin {
		return "", errBuiltin(card)
	}
	_, path, err := c.pullNamed(ctx, name, card)
	return path, err
}

func errBuiltin(c *Card) error {
	return fmt.Errorf("model %q is embedded in the binary: there is nothing to fetch, and it has no path", c.Name)
}

func lookUp(name string, opts []Option) (*Card, *config, error) {
	c := newConfig(opts)
	all, err := All()
	if err != nil {
		return nil, nil, err
	}
	card, err := all.Find(name)
	if err == nil && !card.Builtin {
		err = c.homeless
	}
	return card, c, err
}

// lookUpCached is lookUp for a name that may leave the opset open: if only an opset
// other than the newest is in the cache, it returns that one.
func lookUpCached(name string, opts []Option) (*Card, *config, error) {
	card, c, err := lookUp(name, opts)
	there := func(card *Card) bool { // whatever its size
		_, err := os.Lstat(target(c.home, card))
		return err == nil
	}
	if err != nil || pinned(name, card) || there(card) {
		return card, c, err
	}
	for _, other := range c.siblings(card) {
		if there(other) {
			return other, c, nil
		}
	}
	return card, c, nil
}

func (c *config) pull(ctx context.Context, card *Card) (string, error) {
	report := c.reporter(card.Name, card.File())
	if s, err := openExisting(c.home, card); err == nil {
		there, err := s.present(ctx, report)
		s.root.Close()
		if there || err != nil {
			return target(c.home, card), err
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	s, err := c.lockStore(ctx, card, card.blob(), report)
	if err != nil {
		return "", err
	}
	defer s.close()
	if there, err := s.present(ctx, report); there || err != nil {
		return s.path(), err
	}
	fetch := &fetcher{config: c, blob: card.blob(), root: s.root, report: report}
	from, err := fetch.run(ctx, s.path())
	if err != nil {
		return "", err
	}
	if info, err := s.root.Lstat(card.File()); err == nil {
		s.writeRecord(from, info)
	}
	report(Progress{State: Done, Source: from, Done: card.Bytes, Total: card.Bytes})
	return s.path(), nil
}

// lockStore opens a model's folder for writing, as soon as no other process writes to
// it; meanwhile it reports how much of b that process has. close unlocks it.
func (c *config) lockStore(ctx context.Context, card *Card, b blob, report func(Progress)) (*store, error) {
	held, err := takeLock(ctx, c.home, card, func() { c.tellWaiting(card, b, report) })
	if err != nil {
		return nil, err
	}
	s, err := openStore(c.home, card)
	if err != nil {
		held.release()
		return nil, err
	}
	s.held = held
	return s, nil
}

// tellWaiting reports the progress of the process that holds the lock, by the size
// of its part.
func (c *config) tellWaiting(card *Card, b blob, report func(Progress)) {
	p := Progress{State: Waiting, Total: b.bytes}
	if info, err := os.Lstat(filepath.Join(folder(c.home, card), b.file()) + partSuffix); err == nil {
		p.Done = min(info.Size(), b.bytes-1) // not all of it: its digest is not known yet
	}
	report(p)
}

// Path returns where a model's file lies in the cache, or belongs if it was fetched
// by hand. The file need not exist.
func Path(name string, opts ...Option) (string, error) {
	card, c, err := lookUpCached(name, opts)
	if err != nil {
		return "", err
	}
	if card.Builtin {
		return "", errBuiltin(card)
	}
	return target(c.home, card), nil
}

// Check is the result of Verify.
type Check struct {
	Card   *Card
	Path   string // "" for the built-in model
	Bytes  int64
	SHA256 string // of the cached file
}

// Verify reads a cached model's file and compares its size and sha256 with the
// catalogue. The error is ErrDigest if they differ, and fs.ErrNotExist if the model
// is not in the cache.
func Verify(ctx context.Context, name string, opts ...Option) (Check, error) {
	if err := await.Check(ctx); err != nil {
		return Check{}, err
	}
	card, c, err := lookUpCached(name, opts)
	if err != nil {
		return Check{}, err
	}
	if card.Builtin {
		return verifyBuiltin(ctx, card)
	}
	check := Check{Card: card, Path: target(c.home, card)}
	s, err := openExisting(c.home, card)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = notCached(card)
		}
		return check, err
	}
	defer s.root.Close()
	f, info, err := openBelow(s.root, card.File(), os.O_RDONLY)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return check, notCached(card)
	case err != nil:
		return check, fmt.Errorf("%s: %w: %w; remove it (vision zoo rm %s) and pull it again", check.Path, ErrDigest, pathless(err), card.Name)
	}
	defer f.Close()
	check.Bytes = info.Size()
	if check.SHA256, err = digest(ctx, f, check.Bytes, c.reporter(card.Name, card.File())); err != nil {
		return check, err
	}
	if check.Bytes != card.Bytes || check.SHA256 != card.SHA256 {
		return check, fmt.Errorf("%s: %w: it has %d bytes and sha256 %s, must have %d and %s; remove it (vision zoo rm %s) and pull it again",
			check.Path, ErrDigest, check.Bytes, check.SHA256, card.Bytes, card.SHA256, card.Name)
	}
	return check, nil
}

func notCached(c *Card) error { return absent{c.Name} }

// absent is the error for a model that is not in the cache. It is fs.ErrNotExist
// for errors.Is.
type absent struct{ name string }

func (e absent) Error() string {
	return fmt.Sprintf("model %q is not in the cache (vision zoo list --cached lists what is)", e.name)
}

func (absent) Is(target error) bool { return target == fs.ErrNotExist }

// Remove deletes a model from the cache, including an unfinished download, and
// returns how many bytes that freed. The error is fs.ErrNotExist if there is
// nothing, and ErrBusy while it is being downloaded.
func Remove(name string, opts ...Option) (freed int64, err error) {
	card, c, err := lookUpCached(name, opts)
	if err != nil {
		return 0, err
	}
	if card.Builtin {
		return 0, errBuiltin(card)
	}
	s, err := openExisting(c.home, card)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, notCached(card)
	}
	if err != nil {
		return 0, err
	}
	s.root.Close()
	once, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	held, err := takeLock(once, c.home, card, func() { cancel(ErrBusy) })
	if err != nil {
		return 0, fmt.Errorf("model %q: %w", card.Name, err)
	}
	defer held.release()
	models, err := os.OpenRoot(filepath.Join(c.home, "models"))
	if err != nil {
		return 0, cacheError(err)
	}
	defer models.Close()
	freed = size(models, card.Name)
	if err := models.RemoveAll(card.Name); err != nil {
		return 0, cacheError(err)
	}
	return freed, nil
}

// size is the total number of bytes of the files below a folder.
func size(root *os.Root, folder string) (total int64) {
	_ = fs.WalkDir(root.FS(), folder, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				total += info.Size()
			}
		}
		return nil
	})
	return total
}

// Entry is a model and its state in the cache.
type Entry struct {
	Card    *Card
	Cached  bool   // its file exists with the right size; Verify checks the content
	Path    string // where it is or would be; "" for the built-in model
	Partial int64  // bytes of an unfinished download
}

// List looks up the state of each card in the cache. It does not read the models.
func List(cards []*Card, opts ...Option) ([]Entry, error) {
	c := newConfig(opts)
	if c.homeless != nil {
		return nil, c.homeless
	}
	entries := make([]Entry, len(cards))
	for i, card := range cards {
		if card == nil {
			return nil, fmt.Errorf("card %d of the list is nil", i)
		}
		entries[i] = c.entry(card)
	}
	return entries, nil
}

func (c *config) entry(card *Card) Entry {
	if card.Builtin {
		return Entry{Card: card, Cached: true}
	}
	e := Entry{Card: card, Path: target(c.home, card)}
	if info, err := os.Lstat(e.Path); err == nil {
		e.Cached = info.Mode().IsRegular() && info.Size() == card.Bytes
	}
	if info, err := os.Lstat(e.Path + partSuffix); err == nil && info.Mode().IsRegular() {
		e.Partial = info.Size()
	}
	return e
}

func verifyBuiltin(ctx context.Context, card *Card) (Check, error) {
	check := Check{Card: card, Bytes: int64(len(assets.Model()))}
	var err error
	check.SHA256, err = digest(ctx, bytes.NewReader(assets.Model()), check.Bytes, func(Progress) {})
	if err == nil && check.SHA256 != card.SHA256 {
		err = fmt.Errorf("the built-in model: %w: sha256 is %s, must be %s; build the program again", ErrDigest, check.SHA256, card.SHA256)
	}
	return check, err
}
