package zoo

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"unicode"

	"github.com/visionzoo/vision/internal/await"
	"github.com/visionzoo/vision/internal/limit"
)

// Limits of an archive, far above those of the zoo's archives.
const (
	maxEntries  = 10_000
	maxUnpacked = 4 << 30
)

// unpack writes the regular files of a gzipped tar file into root. It refuses
// entries that are absolute, lead out of the folder, name a drive, are links,
// devices or sparse files, or occur twice, and archives with too many entries or
// bytes. The caller has to remove what was written before the error.
func unpack(ctx context.Context, r io.Reader, root *os.Root, most int64) error {
	unzipped, err := gzip.NewReader(r)
	if err != nil {
		return fmt.Errorf("not a gzip file: %w", err)
	}
	archive := tar.NewReader(unzipped)
	seen := map[string]bool{}
	for count := 0; ; count++ {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		h, err := archive.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("broken archive: %w", err)
		}
		if count >= maxEntries {
			return limit.Errorf("more than %d entries", maxEntries)
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		if err := checkEntry(h, most, seen); err != nil {
			return fmt.Errorf("entry %s: %w", quote(h.Name), err)
		}
		most -= h.Size
		if err := unpackEntry(ctx, root, h, archive); err != nil {
			return fmt.Errorf("entry %s: %w", quote(h.Name), err)
		}
	}
}

func checkEntry(h *tar.Header, left int64, seen map[string]bool) error {
	if strings.ContainsFunc(h.Name, func(r rune) bool { return r == '\\' || r == ':' || unicode.IsControl(r) }) {
		return errors.New("a name with a backslash, a colon or a control character")
	}
	if path.IsAbs(h.Name) {
		return errors.New("an absolute name")
	}
	for _, part := range strings.Split(h.Name, "/") {
		if part == ".." {
			return errors.New("a name that goes up")
		}
	}
	name := path.Clean(h.Name)
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return errors.New("a name outside the folder")
	}
	if h.Size < 0 || h.Size > left {
		return limit.Errorf("the archive unpacks to too many bytes")
	}
	if h.Typeflag == tar.TypeDir {
		return nil
	}
	if h.Typeflag != tar.TypeReg {
		return fmt.Errorf("neither a file nor a folder (type %q)", h.Typeflag)
	}
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return errors.New("a sparse file")
		}
	}
	key := strings.ToLower(name) // the same file on systems that ignore case
	if seen[key] {
		return errors.New("it comes twice")
	}
	seen[key] = true
	return nil
}

// isDebris reports whether a file is one of those that macOS adds to archives.
func isDebris(name string) bool {
	return strings.HasPrefix(path.Base(name), "._") || strings.Contains(name, "__MACOSX/")
}

func unpackEntry(ctx context.Context, root *os.Root, h *tar.Header, r io.Reader) error {
	name := filepath.FromSlash(path.Clean(h.Name))
	if h.Typeflag == tar.TypeDir {
		return pathless(root.MkdirAll(name, dirMode))
	}
	if isDebris(h.Name) {
		return nil
	}
	if err := root.MkdirAll(filepath.Dir(name), dirMode); err != nil {
		return pathless(err)
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return pathless(err)
	}
	n, err := copyContext(ctx, f, io.LimitReader(r, h.Size))
	if err == nil && n != h.Size {
		err = io.ErrUnexpectedEOF
	}
	return errors.Join(err, f.Close())
}

func copyContext(ctx context.Context, w io.Writer, r io.Reader) (int64, error) {
	buf := make([]byte, 256<<10)
	for total := int64(0); ; {
		if ctx.Err() != nil {
			return total, context.Cause(ctx)
		}
		n, err := r.Read(buf)
		if _, werr := w.Write(buf[:n]); werr != nil {
			return total, werr
		}
		total += int64(n)
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

// caseFolder is the folder of the publisher's golden data, beside the model.
const caseFolder = "case"

// PullCase downloads a model with its publisher's golden inputs and outputs into
// the cache and returns their folder, which holds model.onnx and test_data_set_* as
// vision verify reads them. The archive is downloaded by the same rules as in Pull
// and unpacked; the model in it must be the catalogue's.
func PullCase(ctx context.Context, name string, opts ...Option) (string, error) {
	if err := await.Check(ctx); err != nil {
		return "", err
	}
	card, c, err := lookUp(name, opts)
	if err != nil {
		return "", err
	}
	if card.Archive == nil {
		return "", fmt.Errorf("model %q: its publisher provides no golden data", card.Name)
	}
	return c.pullCase(ctx, card)
}

func (c *config) pullCase(ctx context.Context, card *Card) (string, error) {
	b := card.archiveBlob()
	report := c.reporter(card.Name, b.file())
	s, err := c.lockStore(ctx, card, b, report)
	if err != nil {
		return "", err
	}
	defer s.close()
	dir := filepath.Join(folder(c.home, card), caseFolder)
	if _, err := s.root.Stat(filepath.Join(caseFolder, "model.onnx")); err == nil {
		return dir, nil
	}
	there, err := s.holds(ctx, b, report) // put there by hand, or left by a call that could not unpack it
	if err == nil && !there {
		fetch := &fetcher{config: c, blob: b, root: s.root, report: report}
		_, err = fetch.run(ctx, filepath.Join(folder(c.home, card), b.file()))
	}
	if err != nil {
		return "", err
	}
	if err := s.unpackCase(ctx, b, report); err != nil {
		return "", fmt.Errorf("model %q: %s: %w", card.Name, b.file(), withRoom(err))
	}
	report(Progress{State: Done, Done: b.bytes, Total: b.bytes})
	return dir, nil
}

// unpackCase unpacks the archive beside the model, keeps the folder that contains
// the model, and removes the archive, unless it was this machine that failed (a
// full disk) or the caller who stopped: then the next call unpacks it.
func (s *store) unpackCase(ctx context.Context, b blob, report func(Progress)) (err error) {
	const fresh = caseFolder + ".new"
	if err := s.root.RemoveAll(fresh); err != nil {
		return err
	}
	if err := s.root.Mkdir(fresh, dirMode); err != nil {
		return err
	}
	defer s.root.RemoveAll(fresh)
	in, err := s.root.OpenRoot(fresh)
	if err != nil {
		return err
	}
	defer in.Close()
	f, _, err := openBelow(s.root, b.file(), os.O_RDONLY)
	if err != nil {
		return err
	}
	defer func() {
		f.Close()
		var system syscall.Errno
		if ctx.Err() == nil && !errors.As(err, &system) {
			s.root.Remove(b.file())
		}
	}()
	report(Progress{State: Unpacking, Total: b.bytes})
	if err := unpack(ctx, f, in, maxUnpacked); err != nil {
		return err
	}
	at, err := s.modelIn(ctx, in)
	if err != nil {
		return err
	}
	if base := path.Base(at); base != "model.onnx" {
		if err := in.Rename(filepath.FromSlash(at), filepath.Join(filepath.FromSlash(path.Dir(at)), "model.onnx")); err != nil {
			return err
		}
	}
	if err := s.root.RemoveAll(caseFolder); err != nil {
		return err
	}
	in.Close() // Windows cannot rename an open folder
	return s.root.Rename(filepath.Join(fresh, filepath.FromSlash(path.Dir(at))), caseFolder)
}

// modelIn finds the .onnx file of an archive that is the card's model.
func (s *store) modelIn(ctx context.Context, in *os.Root) (at string, err error) {
	found := errors.New("found")
	err = fs.WalkDir(in.FS(), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(p) != ".onnx" {
			return err
		}
		f, err := in.Open(filepath.FromSlash(p))
		if err != nil {
			return err
		}
		defer f.Close()
		sum, err := digest(ctx, f, s.card.Bytes, func(Progress) {})
		if err == nil && sum == s.card.SHA256 {
			at, err = p, found
		}
		return err
	})
	switch {
	case errors.Is(err, found):
		return at, nil
	case err != nil:
		return "", err
	}
	return "", fmt.Errorf("%w: no model with sha256 %s is in it", ErrDigest, s.card.SHA256)
}
