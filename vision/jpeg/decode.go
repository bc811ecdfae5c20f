package jpeg

import (
	"context"
	"fmt"
	"image"
	"sync"
)

// An RGB is a decoded picture.
type RGB struct {
	Width, Height int
	Pix           []byte // red, green, blue of each pixel, row by row, 3*Width bytes per row

	// Damaged reports that the stream ended early or had content that no encoder
	// writes. Pix is then what libjpeg makes of it: as much of the picture as was
	// found, the rest grey or coarse.
	Damaged bool
}

// Options has limits for one picture, and says what to decode. The zero value decodes
// all of it within the default limits.
type Options struct {
	MaxPixels int64 // of the picture; 0: DefaultMaxPixels
	MaxBytes  int64 // of memory besides RGB.Pix; 0: DefaultMaxBytes

	// Region is the part of the picture to decode, in pixels as stored; empty: all.
	// RGB.Pix has the size of the whole picture, and is undefined outside the region.
	// Data below the region may not be read, so damage there is not reported.
	Region image.Rectangle

	// Context, if not nil, can cancel the decoding: its error is returned.
	Context context.Context
}

// Default limits.
const (
	DefaultMaxPixels = 178_956_970 // Pillow's hard limit
	DefaultMaxBytes  = 256 << 20   // coefficients of 89 million pixels in 4:2:0
)

// maxScans limits the number of scans of a picture. Encoders use about 10; one that sent
// each bit of each coefficient in a scan of its own would need 3*64*14.
const maxScans = 500

// maxVisits limits the number of blocks that all scans together may visit, in multiples
// of the picture's blocks, so that a small file cannot keep a processor busy.
const maxVisits = 64

// A Decoder decodes one picture after another and reuses its working memory. The zero
// value is ready for use. It is not safe for concurrent use.
type Decoder struct {
	header
	geometry
	space      [4]component
	components []component
	dc, ac     [4]huffTable
	kernels    *kernels // nil: the fastest that this CPU has

	scan   scanState
	opt    Options
	visits int64 // blocks that scans may still visit

	scans     int     // progressive scans begun
	lastGood  int     // the last row of MCUs for which the latest scan had data
	mustGuess bool    // coefficients must be smoothed, see smooth
	row       []int16 // a smoothed row of blocks
	colour    colour

	coefs   []int16
	nonzero []uint64
	bytes   []byte
	ecs     []byte // the entropy-coded segment, see unstuff
}

var decoders = sync.Pool{New: func() any { return new(Decoder) }}

// keepBytes is the largest size of the working memory of a Decoder in the pool.
const keepBytes = 16 << 20

// Decode decodes data, a complete JPEG file. Grey is repeated in all three channels;
// CMYK and YCCK are converted to RGB like Pillow's convert("RGB"). The error is a
// FormatError, an UnsupportedError, a LimitError or that of the options' context.
// Decode is safe for concurrent use.
func Decode(data []byte, opt Options) (*RGB, error) {
	img := new(RGB)
	if err := DecodeInto(img, data, opt); err != nil {
		return nil, err
	}
	return img, nil
}

// DecodeInto is Decode that reuses the memory of dst.Pix if it is large enough. After an
// error dst is undefined.
func DecodeInto(dst *RGB, data []byte, opt Options) error {
	d := decoders.Get().(*Decoder)
	err := d.Decode(dst, data, opt)
	if 2*cap(d.coefs)+8*cap(d.nonzero)+cap(d.bytes)+cap(d.ecs) <= keepBytes {
		decoders.Put(d)
	}
	return err
}

// Decode is the function Decode, with the memory of the Decoder and that of dst.Pix if
// it is large enough. After an error dst is undefined.
func (d *Decoder) Decode(dst *RGB, data []byte, opt Options) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("BUG: jpeg: %v", r)
		}
		d.forget()
	}()
	d.opt = opt
	s, err := d.begin(data)
	if err != nil {
		return err
	}
	stored := d.info.Progressive || s.n < d.info.Components
	if err := d.prepare(stored); err != nil {
		return err
	}
	if err := d.picture(dst, s, stored); err != nil {
		return err
	}
	dst.Damaged = d.scan.damaged || d.scan.bits.bad
	return nil
}

// forget drops references to the caller's memory.
func (d *Decoder) forget() {
	d.header = header{}
	d.opt = Options{}
}

// prepare checks the picture against the limits and allocates the working memory.
// stored says that coefficients of the whole picture are stored.
func (d *Decoder) prepare(stored bool) error {
	maxPixels, maxBytes := d.opt.MaxPixels, d.opt.MaxBytes
	if maxPixels == 0 {
		maxPixels = DefaultMaxPixels
	}
	if maxBytes == 0 {
		maxBytes = DefaultMaxBytes
	}
	if n := int64(d.info.Width) * int64(d.info.Height); n > maxPixels {
		return LimitError(fmt.Sprintf("%dx%d is %d pixels, at most %d are allowed", d.info.Width, d.info.Height, n, maxPixels))
	}
	if err := d.layOut(stored); err != nil {
		return err
	}
	need := d.workBytes()
	if n := need + int64(len(d.data)); n > maxBytes {
		return LimitError(fmt.Sprintf("%dx%d needs %d bytes of working memory, at most %d are allowed", d.info.Width, d.info.Height, n, maxBytes))
	}
	d.allocate()
	d.mark(d.opt.Region)
	d.colour = chooseColour(&d.info, d.components)
	if d.kernels == nil {
		d.kernels = fastest()
	}
	blocks := int64(0)
	for i := range d.components {
		c := &d.components[i]
		blocks += int64(c.blocksX) * int64(c.blocksY)
	}
	d.visits = max(maxVisits*blocks, 1<<20)
	d.scan = scanState{}
	d.scans, d.lastGood = 0, 0
	return nil
}

// picture decodes the scans, of which s is the first, into dst.
func (d *Decoder) picture(dst *RGB, s scanHeader, stored bool) error {
	if !stored {
		return d.onePass(dst, s)
	}
	for n := 1; ; n++ {
		if n > maxScans {
			return LimitError(fmt.Sprintf("more than %d scans", maxScans))
		}
		if err := d.storedScan(&s); err != nil {
			return err
		}
		var err error
		s, err = d.nextScan()
		if d.endless {
			d.scan.damaged = true
			break
		}
		if err != nil {
			return err
		}
		if d.foundEnd {
			break
		}
	}
	if !d.scan.found {
		return FormatError("no picture data")
	}
	d.size(dst)
	d.mustGuess = d.info.Progressive && d.smoothing()
	for y := d.firstMCURow(); y < d.mcusY; y++ {
		if err := d.stopped(); err != nil {
			return err
		}
		if d.render(dst, y) >= d.area.Max.Y {
			break
		}
	}
	return nil
}

// size gives dst the size of the picture. If its memory has to grow, it gets some more
// than needed, because new memory costs a third of the time of decoding into it.
func (d *Decoder) size(dst *RGB) {
	dst.Width, dst.Height = d.width, d.height
	n := 3 * d.width * d.height
	if had := cap(dst.Pix); had > 0 && had < n {
		dst.Pix = make([]byte, n, n+min(n/2, mostSpare))
	}
	dst.Pix = grown(dst.Pix, n)
}

// mostSpare is the largest amount of memory that is allocated in advance.
const mostSpare = 1 << 20

// stopped returns the error of the context if that is done.
func (d *Decoder) stopped() error {
	if d.opt.Context == nil {
		return nil
	}
	return d.opt.Context.Err()
}
