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
	rgb, err := jpeg.Decode(data, jpeg.Options{MaxPixels: o.pixels, MaxBytes: max(1, min(rest, o.beside()))})
	if err != nil {
		return nil, 0, jpegError(err)
	}
	return &Image{Width: rgb.Width, Height: rgb.Height, Pix: rgb.Pix}, exifOrientation(info.Exif), nil
}

// jpegError words the decoder's errors as the other formats'.
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
		return broken("JPEG", "over the limit: %s", string(l))
	}
	return err
}
