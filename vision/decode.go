package vision

import (
	"context"
	"errors"
	"fmt"
	"image/color"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/visionzoo/vision/internal/await"
	"github.com/visionzoo/vision/internal/limit"
)

// Default limits.
const (
	defaultMemory = 1 << 30   // bytes that decoding one picture may take
	maxStream     = 256 << 20 // bytes that Decode reads
	maxFile       = 1 << 30   // bytes of a file that Open reads
)

// ErrLimit is what errors.Is finds in an error about something larger than a limit: a
// picture of too many pixels, one that takes too much memory, a file of too many bytes.
// It is the same as ErrLimit of packages engine and zoo. A server may answer 413 to it,
// and 415 or 422 to a FormatError or an UnsupportedError.
var ErrLimit = limit.Err

// FormatError says that a picture is broken or none at all: Format is the format ("PNG"),
// or "" for what is no picture, and Reason says what is wrong.
type FormatError struct{ Format, Reason string }

func (e *FormatError) Error() string {
	if e.Format == "" {
		return e.Reason
	}
	return e.Format + ": " + e.Reason
}

// UnsupportedError says that the data may be valid, but of a kind that this package
// does not read: What is that kind ("AVIF"), Advice what to do, "" for none.
type UnsupportedError struct{ What, Advice string }

func (e *UnsupportedError) Error() string {
	s := e.What + " is not supported"
	if e.Advice != "" {
		s += "; " + e.Advice
	}
	return s
}

func broken(format, reason string, args ...any) error {
	return &FormatError{format, fmt.Sprintf(reason, args...)}
}

// overLimit is for what may be sound but is larger than a limit.
func overLimit(format, reason string, args ...any) error {
	return limit.Errorf("%s: %s", format, fmt.Sprintf(reason, args...))
}

func unsupported(what string) error {
	return &UnsupportedError{what, "convert it to JPEG, PNG or WebP"}
}

// options of one decoding.
type options struct {
	background [3]byte
	pixels     int64
	memory     int64 // bytes, the picture included
	into       *Image
	ctx        context.Context
	seenBy     *Encoder // nil: all pixels are wanted
}

// An Option changes how a picture is decoded.
type Option func(*options)

// Background sets the colour under transparent pixels. The default is white.
func Background(c color.Color) Option { return func(o *options) { o.background = opaque(c) } }

// PixelLimit sets the largest width times height that is decoded. The default, and
// the most that can be set, is MaxPixels.
func PixelLimit(n int64) Option { return func(o *options) { o.pixels = min(n, MaxPixels) } }

// MemoryLimit sets how many bytes decoding may take, including the picture; at most
// a quarter of them may go to anything else. The default is 1 GiB.
func MemoryLimit(n int64) Option { return func(o *options) { o.memory = n } }

// Into decodes a JPEG into spare and returns spare, so that programs that decode one
// picture after another can reuse its memory. That is used if it is large enough;
// the old content is lost, even after an error. Pictures of other formats, and those
// that have to be turned upright, still get memory of their own.
func Into(spare *Image) Option { return func(o *options) { o.into = spare } }

// SeenBy allows the decoder to skip pixels that the encoder e does not read, such
// as those outside its crop, if that saves time. The skipped pixels are undefined;
// the tensor that e writes is the same to the bit. Use it only for pictures that
// nothing else reads. Damage there may go unnoticed.
func SeenBy(e *Encoder) Option { return func(o *options) { o.seenBy = e } }

// EndedBy makes decoding end with the context's error once the context is done. It
// is for Open, Decode and DecodeBytes; a Source's Open takes a context already.
func EndedBy(ctx context.Context) Option { return func(o *options) { o.ctx = ctx } }

func newOptions(opts []Option) *options {
	o := &options{background: [3]byte{255, 255, 255}, pixels: MaxPixels, memory: defaultMemory, ctx: context.Background()}
	for _, opt := range opts {
		if opt != nil {
			opt(o)
		}
	}
	return o
}

// admit checks the size in a header before anything is allocated for it. beside is
// how many bytes the decoder takes in addition to the result's three per pixel;
// these may be a quarter of the memory limit.
func (o *options) admit(format string, width, height, beside int64) error {
	if width < 1 || height < 1 {
		return broken(format, "the header says %dx%d; a picture has at least one pixel", width, height)
	}
	if width > o.pixels/height { // width*height > pixels without overflow
		return overLimit(format, "%dx%d is over the limit of %d pixels", width, height, o.pixels)
	}
	if all := width*height*3 + beside; all > o.memory || beside > o.beside() {
		return overLimit(format, "decoding %dx%d takes %d MiB, %d MiB of them besides the picture; the limits are %d and %d: make them larger (VISION_MEMORY_LIMIT, vision.MemoryLimit) if the picture is sound",
			width, height, mebibytes(all), mebibytes(beside), o.memory>>20, o.beside()>>20)
	}
	return nil
}

// mebibytes rounds up, and limits are rounded down: what is a little more is told as more.
func mebibytes(n int64) int64 { return (n + 1<<20 - 1) >> 20 }

// beside is how many bytes a decoder may take in addition to the picture.
func (o *options) beside() int64 { return o.memory / 4 }

// Open reads and decodes a file. The result is upright by its EXIF orientation,
// RGB with 8 bits per channel, with alpha blended over the background. The format
// (JPEG, PNG, GIF, BMP, TIFF, WebP, ICO, PNM) is recognised by the content, never
// by the name; of several frames or pages the first is read. A JPEG that ends early
// is decoded and grey where data is missing, as with libjpeg, and is Damaged; in other
// formats that is an error. Files of more than 1 GiB are refused.
//
// Errors begin with the path and are one line. errors.As and errors.Is find a
// *FormatError, an *UnsupportedError, ErrLimit, fs.ErrNotExist or the context's error in
// them.
func Open(path string, opts ...Option) (*Image, error) {
	spare, _ := fileBuffers.Get().(*[]byte)
	if spare == nil {
		spare = new([]byte)
	}
	o := newOptions(opts)
	data, err := readFile(path, *spare, o.ended)
	if err == nil {
		var m *Image
		m, err = decodeBytes(data, o)
		if cap(data) <= keptBuffer {
			*spare = data
			fileBuffers.Put(spare)
		}
		if err == nil {
			return m, nil
		}
	}
	return nil, pathError(path, err)
}

// fileBuffers hold files while they are decoded; no decoder keeps its data.
var fileBuffers sync.Pool

// keptBuffer is the largest buffer that is kept, in bytes.
const keptBuffer = 16 << 20

// readFile reads a file of at most maxFile bytes, into spare if that is large
// enough, until ended returns an error.
func readFile(path string, spare []byte, ended func() error) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	switch {
	case info.IsDir():
		return nil, errors.New("is a folder, not a picture")
	case !info.Mode().IsRegular(): // a pipe, /dev/stdin: its size is not known
		return readStream(f)
	case info.Size() > maxFile:
		return nil, limit.Errorf("has %d MiB; at most %d are read", info.Size()>>20, maxFile>>20)
	}
	data := slices.Grow(spare[:0], int(info.Size()))[:info.Size()]
	n := 0
	for n < len(data) && err == nil {
		if err = ended(); err == nil {
			var more int
			more, err = io.ReadFull(f, data[n:min(n+readAtOnce, len(data))])
			n += more
		}
	}
	if err == io.ErrUnexpectedEOF || err == io.EOF { // the file shrank meanwhile, or is in /proc
		err = nil
	}
	return data[:n], err
}

// readAtOnce is how many bytes of a file are read before the context is asked again.
const readAtOnce = 4 << 20

// readStream reads a stream of at most maxStream bytes. Where that fails, it
// returns what it has read.
func readStream(r io.Reader) ([]byte, error) {
	if r == nil {
		return nil, errors.New("there is nothing to read: the reader is nil")
	}
	data, err := io.ReadAll(io.LimitReader(r, maxStream+1))
	if err == nil && len(data) > maxStream {
		err = limit.Errorf("more than %d MiB; a picture has less", maxStream>>20)
	}
	return data, err
}

// pathError prefixes an error with the path, once, in a form that is safe to print.
func pathError(path string, err error) error {
	var p *fs.PathError
	var l *os.LinkError
	switch {
	case errors.As(err, &p):
		err = p.Err
	case errors.As(err, &l):
		err = l.Err
	}
	return fmt.Errorf("%s: %w", printable(path), err)
}

// printable quotes a name that is empty, holds control characters or is not valid
// UTF-8.
func printable(name string) string {
	if q := strconv.Quote(name); name == "" || q[1:len(q)-1] != strings.ReplaceAll(strings.ReplaceAll(name, `\`, `\\`), `"`, `\"`) {
		return q
	}
	return name
}

// Decode is Open for a stream, which is read to its end. More than 256 MiB are an
// error. Errors name no file.
func Decode(r io.Reader, opts ...Option) (*Image, error) {
	data, err := readStream(r)
	if err != nil {
		return nil, err
	}
	return DecodeBytes(data, opts...)
}

// DecodeBytes is Decode for a file in memory, which is not written to and not kept.
func DecodeBytes(data []byte, opts ...Option) (*Image, error) {
	return decodeBytes(data, newOptions(opts))
}

func decodeBytes(data []byte, o *options) (m *Image, err error) {
	if err := o.ended(); err != nil {
		return nil, err
	}
	f := recognise(data)
	if f.decode == nil {
		return nil, f.refuse()
	}
	defer func() {
		if p := recover(); p != nil {
			m, err = nil, panicked(f.name, p)
		}
	}()
	m, orientation, err := f.decode(data, o)
	if ended := o.ended(); ended != nil {
		return nil, ended
	}
	if err != nil {
		return nil, asFormatError(f.name, err)
	}
	if swaps := orientation > 4; swaps && 2*int64(len(m.Pix)) > o.memory {
		return nil, overLimit(f.name, "turning %dx%d upright takes %d MiB; the limit is %d: make it larger (VISION_MEMORY_LIMIT, vision.MemoryLimit) if the picture is sound",
			m.Width, m.Height, mebibytes(2*int64(len(m.Pix))), o.memory>>20)
	}
	turned, err := m.upright(orientation, o)
	if err == nil {
		turned.Damaged = m.Damaged
	}
	return turned, err
}

// panicked is the last resort: decoders of other packages have been known to panic
// on hostile input.
func panicked(format string, p any) error {
	return broken(format, "the data cannot be decoded (%s)", oneLine(fmt.Errorf("%v", p)))
}

// ended returns the context's error if that is done. Decoders ask at each row.
func (o *options) ended() error { return await.Check(o.ctx) }

// await is for a decoder of another package, which asks nobody: once the context is
// done, it returns, and the decoder goes on in the background. It must not read what
// is the caller's.
func (o *options) await(format string, decode func() (*Image, error)) (*Image, error) {
	if o.ctx.Done() == nil {
		return decode()
	}
	return await.Do(o.ctx, func() (m *Image, err error) {
		defer func() {
			if p := recover(); p != nil {
				m, err = nil, panicked(format, p)
			}
		}()
		return decode()
	})
}

// asFormatError gives errors of other packages the format's name.
func asFormatError(format string, err error) error {
	var f *FormatError
	var u *UnsupportedError
	if errors.As(err, &f) || errors.As(err, &u) || errors.Is(err, ErrLimit) {
		return err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return broken(format, "the data ends too early")
	}
	text := oneLine(err)
	for _, prefix := range []string{"png: ", "gif: ", "webp: ", "vp8: ", "vp8l: ", "invalid format: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return broken(format, "%s", text)
}
