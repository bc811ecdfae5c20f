package vision

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/visionzoo/vision/internal/await"
)

// Source is a picture that has not been opened yet: a file, a URL, a stream, a frame
// of a camera. Name is for messages. Open decodes the picture; it may be called from
// any goroutine, but only once for a stream. Cancelling the context ends a download,
// decoding, and the wait for a stream, whose reader may stay blocked.
type Source struct {
	Name string
	Open func(ctx context.Context, opts ...Option) (*Image, error)
}

// With returns the source with options for its Open, which apply before the
// caller's own.
func (s Source) With(opts ...Option) Source {
	open := s.Open
	if open == nil {
		return s
	}
	s.Open = func(ctx context.Context, own ...Option) (*Image, error) {
		return open(ctx, slices.Concat(opts, own)...)
	}
	return s
}

// FileSource is a file, opened by Open.
func FileSource(path string) Source {
	return Source{path, func(ctx context.Context, opts ...Option) (*Image, error) {
		if err := await.Check(ctx); err != nil {
			return nil, err
		}
		if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
			return openPipe(ctx, path, opts)
		}
		return Open(path, append(opts[:len(opts):len(opts)], EndedBy(ctx))...)
	}}
}

// ReaderSource is a stream, read to its end by Decode.
func ReaderSource(name string, r io.Reader) Source {
	return Source{name, func(ctx context.Context, opts ...Option) (*Image, error) {
		if err := await.Check(ctx); err != nil {
			return nil, err
		}
		data, err := await.Do(ctx, func() ([]byte, error) { return readStream(r) })
		return decodeNamed(ctx, name, data, err, opts)
	}}
}

// openPipe is Open for files that may wait for a writer, even when they are opened.
func openPipe(ctx context.Context, path string, opts []Option) (*Image, error) {
	data, err := await.Do(ctx, func() ([]byte, error) { return readFile(path, nil, ctx.Err) })
	return decodeNamed(ctx, path, data, err, opts)
}

func decodeNamed(ctx context.Context, name string, data []byte, err error, opts []Option) (*Image, error) {
	var m *Image
	if err == nil {
		m, err = DecodeBytes(data, append(opts[:len(opts):len(opts)], EndedBy(ctx))...)
	}
	if err != nil {
		return nil, pathError(name, err)
	}
	return m, nil
}

// ImageSource is a picture that has been decoded already. Its Open returns m itself,
// not a copy.
func ImageSource(name string, m *Image) Source {
	return Source{name, func(context.Context, ...Option) (*Image, error) { return m, m.check() }}
}

// sourceOptions of Sources.
type sourceOptions struct {
	recursive bool
	stdin     io.Reader
	client    *http.Client
}

// A SourceOption changes how Sources finds pictures.
type SourceOption func(*sourceOptions)

// Recursive makes Sources search subfolders too.
func Recursive() SourceOption { return func(o *sourceOptions) { o.recursive = true } }

// Stdin sets the reader for "-"; the default is the process's standard input.
func Stdin(r io.Reader) SourceOption { return func(o *sourceOptions) { o.stdin = r } }

// Client sets the HTTP client for URLs; the default is one with this package's
// timeouts.
func Client(c *http.Client) SourceOption { return func(o *sourceOptions) { o.client = c } }

// Sources yields the pictures that args name, each of which is
//
//   - a file,
//   - a folder: its pictures in the order of their names, recognised by content or
//     extension, without hidden ones; also those of formats that are not supported,
//     whose Open says so,
//   - a pattern as filepath.Match takes it,
//   - an http or https URL (others are errors), or
//   - "-" for standard input.
//
// Nothing is decoded, and folders are read as the loop proceeds. A picture that
// cannot be found is yielded as an error with a source of that Name, whose Open
// returns the error too: a loop may leave it to whoever opens the pictures. The rest
// goes on.
func Sources(args []string, opts ...SourceOption) iter.Seq2[Source, error] {
	o := sourceOptions{stdin: os.Stdin}
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	return func(yield func(Source, error) bool) {
		stdin := false
		for _, arg := range args {
			if arg == "-" && stdin {
				if !yield(missing(arg, pathError(arg, errors.New("standard input is one picture, which was named already")))) {
					return
				}
				continue
			}
			stdin = stdin || arg == "-"
			if !o.each(arg, yield) {
				return
			}
		}
	}
}

// missing is the source of a picture that cannot be found.
func missing(name string, err error) (Source, error) {
	return Source{name, func(context.Context, ...Option) (*Image, error) { return nil, err }}, err
}

// each yields the pictures that one argument names; false means stop.
func (o *sourceOptions) each(arg string, yield func(Source, error) bool) bool {
	switch {
	case arg == "":
		return yield(missing(`""`, errors.New(`"": the name of a picture is empty`)))
	case arg == "-":
		return yield(ReaderSource("-", o.stdin), nil)
	case address.MatchString(arg):
		if err := fetchable(arg); err != nil {
			return yield(missing(arg, pathError(arg, err)))
		}
		return yield(urlSource(arg, o.client), nil)
	}
	info, err := os.Stat(arg)
	switch {
	case err == nil && info.IsDir():
		return o.eachInFolder(arg, yield)
	case err == nil:
		return yield(FileSource(arg), nil)
	case strings.ContainsAny(arg, "*?[") && (errors.Is(err, fs.ErrNotExist) || runtime.GOOS == "windows"): // where a name with * or ? is an error of its own
		return o.eachMatch(arg, yield)
	}
	return yield(missing(arg, pathError(arg, err)))
}

func (o *sourceOptions) eachMatch(pattern string, yield func(Source, error) bool) bool {
	paths, err := filepath.Glob(pattern)
	if !hidden(filepath.Base(pattern)) { // as a shell does
		paths = slices.DeleteFunc(paths, func(p string) bool { return hidden(filepath.Base(p)) })
	}
	if err == nil && len(paths) == 0 {
		err = errors.New("nothing matches the pattern")
	}
	if err != nil {
		return yield(missing(pattern, pathError(pattern, err)))
	}
	for _, path := range paths {
		info, err := os.Stat(path)
		ok := true
		switch {
		case err != nil:
			ok = yield(missing(path, pathError(path, err)))
		case info.IsDir():
			ok = o.eachInFolder(path, yield)
		default:
			ok = yield(FileSource(path), nil)
		}
		if !ok {
			return false
		}
	}
	return true
}

// eachInFolder yields the pictures of a folder. Symbolic links to files are
// followed, links to folders below it are not, so that there are no cycles.
func (o *sourceOptions) eachInFolder(folder string, yield func(Source, error) bool) bool {
	root := folder
	if info, err := os.Lstat(folder); err == nil && !info.IsDir() {
		root += string(filepath.Separator) // WalkDir walks a link only where it is named as a folder
	}
	found, stopped := 0, false
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			if stopped = !yield(missing(path, pathError(path, err))); stopped {
				return fs.SkipAll
			}
			found++
			return nil
		case path == root:
			return nil
		case e.IsDir():
			if !o.recursive || hidden(e.Name()) {
				return fs.SkipDir
			}
			return nil
		case hidden(e.Name()) || !isPicture(path):
			return nil
		}
		found++
		if stopped = !yield(FileSource(path), nil); stopped {
			return fs.SkipAll
		}
		return nil
	})
	if err == nil && found == 0 {
		err = errors.New("no pictures in the folder")
		if !o.recursive {
			err = fmt.Errorf("%w; folders below it are searched with -r (vision.Recursive)", err)
		}
	}
	if err != nil && !stopped {
		return yield(missing(folder, pathError(folder, err)))
	}
	return !stopped
}

func hidden(name string) bool { return strings.HasPrefix(name, ".") }

// extensions are those of the supported formats.
var extensions = map[string]bool{".jpg": true, ".jpeg": true, ".jpe": true, ".jfif": true, ".png": true, ".apng": true,
	".gif": true, ".bmp": true, ".dib": true, ".tif": true, ".tiff": true, ".webp": true, ".ico": true,
	".pbm": true, ".pgm": true, ".ppm": true, ".pnm": true}

// isPicture reports whether a regular file, or a link to one, looks like a picture,
// by its extension or its first bytes.
func isPicture(path string) bool {
	named := extensions[strings.ToLower(filepath.Ext(path))]
	info, err := os.Stat(path)
	switch {
	case err != nil: // a link to nothing: Open says so
		return named
	case !info.Mode().IsRegular():
		return false
	case named:
		return true
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 1024)
	n, _ := io.ReadFull(f, head)
	found := recognise(head[:n])
	return found.name != "" && !found.other
}
