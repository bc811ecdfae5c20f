package vision

import (
	"errors"

	"github.com/visionzoo/vision/vision/jpeg"
)

// decodeJPEG checks the header and decodes.
func decodeJPEG(data []byte, o *options) (*Image, int, error) {
	info, err := jpeg.ReadInfo(data)
	if err != nil {
		return nil, 0, jpegError(err)
	}
	if err := o.admit("JPEG", int64(info.Width), int64(info.Height), 0); err != nil {
		return nil, 0, err
	}
	rest := o.memory - int64(info.Width)*int64(info.Height)*3
	m := o.into
	if m == nil {
		m = new(Image)
	}
	orientation := exifOrientation(info.Exif)
	opt := jpeg.Options{MaxPixels: o.pixels, MaxBytes: max(1, min(rest, o.beside())), Context: o.ctx}
	if o.seenBy != nil && orientation == 1 {
		opt.Region = o.seenBy.region(info.Width, info.Height)
	}
	rgb := jpeg.RGB{Pix: m.Pix}
	if err := jpeg.DecodeInto(&rgb, data, opt); err != nil {
		return nil, 0, jpegError(err)
	}
	m.Width, m.Height, m.Pix, m.Damaged = rgb.Width, rgb.Height, rgb.Pix, rgb.Damaged
	return m, orientation, nil
}

// jpegError converts the decoder's errors to those of the other formats.
func jpegError(err error) error {
	var u jpeg.UnsupportedError
	var f jpeg.FormatError
	var l jpeg.LimitError
	switch {
	case errors.As(err, &u):
		return unsupported("JPEG with " + string(u))
	case errors.As(err, &f):
		return broken("JPEG", "%s", string(f))
	case errors.As(err, &l):
		return overLimit("JPEG", "over the limit: %s", string(l))
	}
	return err
}
