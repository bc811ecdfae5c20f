package onnx

import "bytes"

// strangers are the first bytes of files that are often mistaken for models.
var strangers = []struct{ magic, what string }{
	{"version https://git-lfs.github.com/spec/", "a git-lfs pointer, not the model it stands for; fetch the real file"},
	{"\x1f\x8b", "a gzip stream; unpack it first"},
	{"PK\x03\x04", "a zip file (PyTorch and Keras save such files); export to ONNX first"},
	{"\x89HDF\r\n\x1a\n", "an HDF5 file (Keras); convert it to ONNX first"},
	{"\x80\x02", "a Python pickle (PyTorch); export to ONNX first"},
	{"\xff\xd8\xff", "a JPEG picture"},
	{"\x89PNG", "a PNG picture"},
	{"GIF8", "a GIF picture"},
	{"RIFF", "a WebP picture or another RIFF file"},
	{"%PDF", "a PDF document"},
	{"\x7fELF", "a program"},
	{"\x93NUMPY", "a NumPy array"},
}

// recognise says what data is when it plainly is no ONNX model.
func recognise(data []byte) string {
	if len(data) == 0 {
		return "the file is empty"
	}
	for _, s := range strangers {
		if bytes.HasPrefix(data, []byte(s.magic)) {
			return s.what
		}
	}
	if len(data) >= 8 && string(data[4:8]) == "TFL3" { // a flatbuffer names its kind behind an offset
		return "a TensorFlow Lite model; convert it to ONNX first"
	}
	head := bytes.ToLower(bytes.TrimLeft(data[:min(len(data), 512)], " \t\r\n"))
	switch {
	case bytes.HasPrefix(head, []byte("<!doctype html")), bytes.HasPrefix(head, []byte("<html")):
		return "an HTML page"
	case bytes.HasPrefix(head, []byte("{\"")), bytes.HasPrefix(head, []byte("{\n")):
		return "a JSON text"
	case plainText(data[:min(len(data), 512)]):
		return "a text"
	}
	return ""
}

// plainText reports whether data holds printable ASCII only: a model begins
// with the key of its first field, which does not print.
func plainText(data []byte) bool {
	for _, b := range data {
		if b >= 0x7f || b < 0x20 && b != '\n' && b != '\r' && b != '\t' {
			return false
		}
	}
	return true
}
