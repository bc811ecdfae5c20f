package vision

import (
	"bytes"
	"encoding/base64"
	"errors"
	"image"
	"image/color"
	"image/png"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/visionzoo/vision/internal/shared"
	"github.com/visionzoo/vision/internal/spent"
)

func TestFormats(t *testing.T) {
	for _, row := range table(t, "images", "formats", "cases.tsv") {
		name, note := row[0], row[5]
		t.Run(name, func(t *testing.T) {
			got, err := Open(shared.Path(t, "images", "formats", name))
			if row[1] == "-" || err != nil && strings.Contains(note, "may be refused") {
				var u *UnsupportedError
				if !errors.As(err, &u) {
					t.Fatalf("got %v, want it refused by name", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := readPNG(t, shared.Path(t, "images", "formats", "golden", name+".png"))
			if d, where := farthest(got, want); d > number(t, row[3]) {
				t.Errorf("differs by %d at %s", d, where)
			}
		})
	}
}

func TestExif(t *testing.T) {
	probes := table(t, "images", "exif", "probes.tsv")
	for _, row := range table(t, "images", "exif", "cases.tsv") {
		t.Run(row[0], func(t *testing.T) {
			m, err := Open(shared.Path(t, "images", "exif", row[0]))
			if err != nil {
				t.Fatal(err)
			}
			if m.Width != number(t, row[1]) || m.Height != number(t, row[2]) {
				t.Fatalf("%dx%d, want %sx%s", m.Width, m.Height, row[1], row[2])
			}
			grace := 0
			if strings.HasSuffix(row[0], ".jpg") {
				grace = 12
			}
			for _, p := range probes {
				r, g, b := m.RGB(number(t, p[0]), number(t, p[1]))
				for i, v := range []byte{r, g, b} {
					if abs(int(v)-number(t, p[2+i])) > grace {
						t.Errorf("at %s,%s: %d %d %d, want %v", p[0], p[1], r, g, b, p[2:5])
						break
					}
				}
			}
		})
	}
}

func TestCorrupt(t *testing.T) {
	for _, row := range table(t, "images", "corrupt", "cases.tsv") {
		t.Run(row[0], func(t *testing.T) {
			path := shared.Path(t, "images", "corrupt", row[0])
			before := spent.Time()
			m, err := Open(path)
			if took := spent.Time() - before; took > 6*time.Second*patience {
				t.Errorf("took %v", took)
			}
			switch {
			case err == nil && m.check() != nil:
				t.Error(m.check())
			case err == nil && row[2] == "error":
				t.Errorf("a picture of %dx%d came out of %s", m.Width, m.Height, row[3])
			case err != nil && row[2] == "picture":
				t.Error(err)
			case err != nil:
				text := err.Error()
				if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' }) || len(text) > 400 {
					t.Errorf("not one short line: %q", text)
				}
				if !strings.HasPrefix(text, path+": ") {
					t.Errorf("does not name the file: %s", text)
				}
			}
			if err != nil && os.Getenv("VISION_SHOW") != "" {
				t.Log(strings.TrimPrefix(err.Error(), path+": "))
			}
		})
	}
}

// The pixels of small files are those that Pillow reads (testdata/pictures.py).
func TestPictures(t *testing.T) {
	for name, p := range pillowPictures(t) {
		got, err := DecodeBytes(p.data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		grace := 0
		if strings.Contains(name, "Lab") || strings.Contains(name, "YCbCr") { // by way of floats there
			grace = 1
		}
		if len(p.want) != len(got.Pix) {
			t.Errorf("%s: %d bytes, want %d", name, len(got.Pix), len(p.want))
		} else if d, where := farthest(got, &Image{Width: got.Width, Height: got.Height, Pix: p.want}); d > grace {
			t.Errorf("%s: differs by %d at %s", name, d, where)
		}
	}
}

// pillowPicture is a file and the pixels that Pillow reads from it.
type pillowPicture struct{ data, want []byte }

// pillowPictures are those of testdata/pictures.tsv by their names.
func pillowPictures(t testing.TB) map[string]pillowPicture {
	t.Helper()
	lines, err := os.ReadFile("testdata/pictures.tsv")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]pillowPicture{}
	for line := range strings.Lines(string(lines)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		row := strings.Split(strings.TrimSpace(line), "\t")
		data, err1 := base64.StdEncoding.DecodeString(row[1])
		want, err2 := base64.StdEncoding.DecodeString(row[2])
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		all[row[0]] = pillowPicture{data, want}
	}
	return all
}

// What ends early, and is no JPEG, is an error, and takes no memory for pixels that are
// not there.
func TestCutShort(t *testing.T) {
	rle, err := os.ReadFile("testdata/seeds/rle8.bmp")
	if err != nil {
		t.Fatal(err)
	}
	picture := strings.Repeat("\x00", 40) // where an icon's header says that there is one
	for why, data := range map[string][]byte{
		"runs of a BMP":      rle[:len(rle)-20],
		"the largest of two": []byte("\x00\x00\x01\x00\x02\x00" + "\x02\x01\x00\x00\x01\x00\x20\x00\x34\x00\x00\x00\x26\x00\x00\x00" + "\x09\x09\x00\x00\x01\x00\x20\x00\x34\x00\x00\x00\x66\x00\x00\x00" + picture),
		"a BMP of 9000x9000": []byte("BM" + strings.Repeat("\x00", 8) + "\x36\x00\x00\x00\x28\x00\x00\x00\x28\x23\x00\x00\x28\x23\x00\x00\x01\x00\x18\x00" + picture),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		m, err := DecodeBytes(data)
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s: a picture of %dx%d", why, m.Width, m.Height)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
			t.Errorf("%s: %d MiB were allocated", why, n>>20)
		}
	}
}

// What is transparent shows the background, white unless the caller says otherwise.
func TestBackground(t *testing.T) {
	src := image.NewNRGBA(image.Rect(0, 0, 2, 1))
	src.SetNRGBA(0, 0, color.NRGBA{R: 1, G: 2, B: 3, A: 255})
	var file bytes.Buffer
	if err := png.Encode(&file, src); err != nil {
		t.Fatal(err)
	}
	for want, opts := range map[[6]byte][]Option{
		{1, 2, 3, 255, 255, 255}: nil,
		{1, 2, 3, 10, 20, 30}:    {Background(color.RGBA{R: 10, G: 20, B: 30, A: 255})},
	} {
		if m, err := DecodeBytes(file.Bytes(), opts...); err != nil || !bytes.Equal(m.Pix, want[:]) {
			t.Errorf("%v, %v, want %v", m, err, want)
		}
	}
}

// An icon of 32 bits without any alpha is older than alpha: its mask counts.
func TestIconWithoutAlpha(t *testing.T) {
	icon := []byte("\x00\x00\x01\x00\x01\x00" + "\x02\x01\x00\x00\x01\x00\x20\x00\x34\x00\x00\x00\x16\x00\x00\x00" +
		"\x28\x00\x00\x00\x02\x00\x00\x00\x02\x00\x00\x00\x01\x00\x20\x00" + strings.Repeat("\x00", 24) +
		"\x01\x02\x03\x00\x04\x05\x06\x00" + "\x40\x00\x00\x00") // two pixels, of which the mask hides the second
	m, err := DecodeBytes(icon)
	if err != nil || !bytes.Equal(m.Pix, []byte{3, 2, 1, 255, 255, 255}) {
		t.Errorf("%v, %v", m, err)
	}
}

// What libwebp refuses: a VP8 of a version that there is none of, one that is not shown,
// and a file that begins with another chunk.
func TestWebPHead(t *testing.T) {
	for name, damage := range map[string]struct {
		file string
		at   int
		to   byte
		want string
	}{
		"sound":       {"lossy.webp", 0, 'R', ""},
		"version 4":   {"lossy.webp", 20, 0b11000, "no VP8 key frame"},
		"not shown":   {"lossy.webp", 20, 0, "no VP8 key frame"},
		"other chunk": {"alpha_lossy.webp", 14, '0', `the first chunk is "VP0X"`},
	} {
		data, err := os.ReadFile("testdata/seeds/" + damage.file)
		if err != nil {
			t.Fatal(err)
		}
		if damage.at == 20 {
			damage.to |= data[20] &^ 0b11111
		}
		data[damage.at] = damage.to
		if _, err := DecodeBytes(data); (err == nil) != (damage.want == "") || damage.want != "" && !strings.Contains(err.Error(), damage.want) {
			t.Errorf("%s: %v, want %q", name, err, damage.want)
		}
	}
}
