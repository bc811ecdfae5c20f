package vision_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"image/gif"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/visionzoo/vision/vision"
)

// impatient is a context that is done once it was asked a number of times.
type impatient struct {
	context.Context
	left atomic.Int64
}

func (c *impatient) Err() error {
	if c.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// Decoders ask the context as they go from row to row, and so does what turns
// pictures upright, wherever the bytes come from.
func TestDecodingEnds(t *testing.T) {
	const side = 64
	m := vision.NewImage(side, side)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range m.Pix {
		m.Pix[i] = byte(rng.Uint32())
	}
	var png, gifs, jpg bytes.Buffer
	if err := errors.Join(m.EncodePNG(&png), gif.Encode(&gifs, m, nil), m.EncodeJPEG(&jpg, 90)); err != nil {
		t.Fatal(err)
	}
	webp := func(name string) []byte {
		data, err := os.ReadFile("testdata/seeds/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	bmp := func(bits, compression uint16, pix []byte) []byte {
		head := []byte("BM")
		for _, v := range []uint32{0, 0, 54, 40, side, side, 1 | uint32(bits)<<16, uint32(compression), 0, 0, 0, 1, 0} {
			head = binary.LittleEndian.AppendUint32(head, v)
		}
		return append(append(head, make([]byte, 4)...), pix...)
	}
	tiff := func(orientation uint32) []byte {
		return tiffOf(273, 279, [][]byte{m.Pix}, long(256, side), long(257, side), short(258, 8, 8, 8), short(259, 1), short(262, 2), short(277, 3), short(274, orientation))
	}
	files := map[string][]byte{
		"JPEG": jpg.Bytes(), "PNG": png.Bytes(), "GIF": gifs.Bytes(), "PNM": append([]byte("P6 64 64 255\n"), m.Pix...),
		"BMP": bmp(24, 0, m.Pix), "BMP of runs": bmp(8, 1, append(bytes.Repeat([]byte{0, 2, 0, 0}, 8192), 0, 1)),
		"TIFF": tiff(1), "TIFF of JPEGs": jpegTIFF(t, m, 16, 16), "mirrored": tiff(2), "upside down": tiff(3), "on its side": tiff(6),
	}
	files["WebP"] = webp("lossy.webp") // decoded by another package, in the background
	files["lossless WebP"] = webp("palette_lossless.webp")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write(files[r.URL.Query().Get("name")]) }))
	defer server.Close()
	for name, data := range files {
		path := filepath.Join(t.TempDir(), "picture")
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		sources := func() []vision.Source {
			return []vision.Source{vision.FileSource(path), vision.ReaderSource("-", bytes.NewReader(data)), vision.URLSource(server.URL + "?name=" + url.QueryEscape(name))}
		}
		for _, source := range sources() {
			if _, err := source.Open(context.Background()); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, questions := range []int64{1, 4} {
			if name == "WebP" {
				questions = 0 // it is asked behind it alone
			}
			for _, source := range sources() {
				ctx := &impatient{Context: context.Background()}
				ctx.left.Store(questions)
				if _, err := source.Open(ctx); !errors.Is(err, context.Canceled) {
					t.Errorf("%s of %s: after %d questions: %v", name, source.Name, questions, err)
				}
			}
		}
	}
}

// The context is asked while a large picture is resized, and ends that.
func TestEncodingEnds(t *testing.T) {
	m := vision.NewImage(3000, 2000)
	for _, text := range []string{`{"resize":"stretch 224 lanczos antialias"}`, `{"resize":"stretch 3000x1999 bilinear"}`, `{"dtype":"uint8"}`} {
		r, err := vision.ParseRecipe([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, threads := range []int{1, 2} {
			e, err := vision.NewEncoder(r, vision.EncodeThreads(threads))
			if err != nil {
				t.Fatal(err)
			}
			const always = 1 << 40
			patient, hasty := &impatient{Context: t.Context()}, &impatient{Context: t.Context()}
			patient.left.Store(always)
			if _, _, err := e.EncodeContext(patient, m); err != nil {
				t.Fatal(err)
			}
			asked := always - patient.left.Load()
			if asked < 3 {
				t.Errorf("%s: the context is asked %d times", text, asked)
			}
			hasty.left.Store(asked / 2)
			if _, _, err := e.EncodeContext(hasty, m); !errors.Is(err, context.Canceled) {
				t.Errorf("%s: after %d of %d questions: %v", text, asked/2, asked, err)
			}
		}
	}
}

// What draws and saves asks too, and a picture that is not saved whole leaves nothing.
func TestDrawingEnds(t *testing.T) {
	m := vision.NewImage(600, 600)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range m.Pix {
		m.Pix[i] = byte(rng.Uint32())
	}
	mask := &vision.Mask{Width: 600, Height: 600, Pix: bytes.Repeat([]byte{255}, 600*600)}
	dir := t.TempDir()
	for why, do := range map[string]func(ctx context.Context) error{
		"a PNG":  func(ctx context.Context) error { return m.SaveContext(ctx, filepath.Join(dir, "x.png")) },
		"a JPEG": func(ctx context.Context) error { return m.SaveContext(ctx, filepath.Join(dir, "x.jpg")) },
		"a mask": func(ctx context.Context) error {
			_, err := vision.DrawContext(ctx, m, []vision.Mark{{Mask: mask}})
			return err
		},
		"a box": func(ctx context.Context) error {
			_, err := vision.DrawContext(ctx, m, []vision.Mark{{Box: [4]float64{0, 0, 600, 600}}})
			return err
		},
		"a map": func(ctx context.Context) error {
			_, err := vision.DrawMapContext(ctx, m, mask.Pix, map[int]string{255: "x"})
			return err
		},
	} {
		ctx := &impatient{Context: context.Background()}
		ctx.left.Store(10)
		if err := do(ctx); !errors.Is(err, context.Canceled) || ctx.left.Load() < -20 {
			t.Errorf("%s: %v, asked %d times more", why, err, -ctx.left.Load())
		}
		if err := do(context.Context(nil)); err == nil {
			t.Errorf("%s without a context: no error", why)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left in the folder: %v, %v", left, err)
	}
}
