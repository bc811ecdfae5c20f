package tensor

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/visionzoo/vision/internal/limit"
)

// npyTypes are NumPy's descriptions of element types (NEP 1), which follow a mark for the
// order of bytes. NumPy has no name for bfloat16 and the 8-bit floats: they are written as
// unsigned integers of their size.
var npyTypes = map[string]DType{
	"f4": Float32, "f8": Float64, "f2": Float16, "i1": Int8, "i2": Int16, "i4": Int32, "i8": Int64,
	"u1": Uint8, "u2": Uint16, "u4": Uint32, "u8": Uint64, "b1": Bool, "c8": Complex64, "c16": Complex128,
}

// npyOrder marks this machine's order of bytes, npyNone that a type has none.
var npyOrder = map[bool]string{false: "<", true: ">"}[binary.NativeEndian.Uint16([]byte{0, 1}) == 1]

const npyNone = "|"

var npyMagic = []byte("\x93NUMPY")

// maxNpy bounds an array read from a file, in bytes.
const maxNpy = 4 << 30

// ReadNpy reads one array in NumPy's .npy format, versions 1 to 3. Arrays in
// Fortran order are refused.
func ReadNpy(r io.Reader) (*Tensor, error) {
	head := make([]byte, 8)
	if _, err := io.ReadFull(r, head); err != nil || !bytes.Equal(head[:6], npyMagic) {
		return nil, errors.New("not a .npy file")
	}
	size := make([]byte, 2)
	if head[6] > 1 {
		size = make([]byte, 4)
	}
	if _, err := io.ReadFull(r, size); err != nil {
		return nil, errors.New("npy: the header is truncated")
	}
	n := int64(size[0]) | int64(size[1])<<8
	if len(size) == 4 {
		n |= int64(size[2])<<16 | int64(size[3])<<24
	}
	if n > 1<<16 {
		return nil, fmt.Errorf("npy: a header of %d bytes", n)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, errors.New("npy: the header is truncated")
	}
	d, order, shape, err := parseNpy(string(text))
	if err != nil {
		return nil, err
	}
	count, err := Count(shape)
	if err != nil {
		return nil, fmt.Errorf("npy: %w", err)
	}
	if int64(count) > maxNpy/int64(d.Size()) {
		return nil, limit.Errorf("npy: %s of shape %v is more than %d bytes", d, shape, int64(maxNpy))
	}
	t, err := readElements(r, d, shape, int64(count)*int64(d.Size()))
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("npy: %s of shape %v is truncated", d, shape)
	}
	if err != nil {
		return nil, fmt.Errorf("npy: %w", err)
	}
	if order != npyOrder && order != npyNone {
		number := d.Size()
		if d == Complex64 || d == Complex128 {
			number /= 2
		}
		for number := range slices.Chunk(t.data, number) {
			slices.Reverse(number)
		}
	}
	if d == Bool {
		for i, b := range t.data { // true is 1 in memory, whatever a file has
			t.data[i] = min(b, 1)
		}
	}
	return t, nil
}

// readElements reads a tensor of so many bytes. The header may promise more than there is:
// a file is asked for its size first; what another reader gives is kept apart until it is
// all there, which takes more than twice the memory.
func readElements(r io.Reader, d DType, shape []int, size int64) (*Tensor, error) {
	if f, ok := r.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			if info.Size() < size {
				return nil, io.ErrUnexpectedEOF
			}
			t := New(d, shape...)
			_, err := io.ReadFull(f, t.data)
			return t, err
		}
	}
	data, err := io.ReadAll(io.LimitReader(r, size))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) < size {
		return nil, io.ErrUnexpectedEOF
	}
	t := New(d, shape...)
	copy(t.data, data)
	return t, nil
}

// npyEntries matches the three entries of a header. Few programs read one, so the
// expressions are compiled at the first use.
var npyEntries = sync.OnceValue(func() (e struct{ descr, order, shape *regexp.Regexp }) {
	e.descr = regexp.MustCompile(`'descr':\s*'([<>|]?)([^']*)'`)
	e.order = regexp.MustCompile(`'fortran_order':\s*(True|False)`)
	e.shape = regexp.MustCompile(`'shape':\s*\(([^)]*)\)`)
	return e
})

// parseNpy reads the header, a Python dictionary of three entries.
func parseNpy(s string) (d DType, order string, shape []int, err error) {
	e := npyEntries()
	descr, fortran, dims := e.descr.FindStringSubmatch(s), e.order.FindStringSubmatch(s), e.shape.FindStringSubmatch(s)
	if descr == nil || fortran == nil || dims == nil {
		return 0, "", nil, errors.New("npy: the header is broken")
	}
	order = descr[1]
	d, ok := npyTypes[descr[2]]
	if !ok || order == "" || order == npyNone && d.Size() > 1 {
		return 0, "", nil, fmt.Errorf("npy: element type %q is not supported", order+descr[2])
	}
	shape = []int{}
	for _, f := range strings.Split(dims[1], ",") {
		if f = strings.TrimSpace(f); f == "" {
			continue
		}
		n, err := strconv.Atoi(f)
		if err != nil || n < 0 {
			return 0, "", nil, fmt.Errorf("npy: dimension %q is broken", f)
		}
		shape = append(shape, n)
	}
	if fortran[1] == "True" && len(shape) > 1 {
		return 0, "", nil, errors.New("npy: arrays in Fortran order are not supported; save with order='C'")
	}
	return d, order, shape, nil
}

// WriteNpy writes a tensor in NumPy's .npy format, version 1, in this machine's order of
// bytes, which the file names.
func WriteNpy(w io.Writer, t *Tensor) error {
	if t == nil {
		return errors.New("npy: there is no tensor to write")
	}
	descr, order := "", npyOrder
	for name, d := range npyTypes {
		if d == t.dtype {
			descr = name
		}
	}
	if descr == "" {
		switch t.dtype.Size() {
		case 1:
			descr = "u1"
		case 2:
			descr = "u2"
		default:
			return fmt.Errorf("npy: %s cannot be written", t.dtype)
		}
	}
	if t.dtype.Size() == 1 {
		order = npyNone
	}
	dims := make([]string, len(t.shape))
	for i, n := range t.shape {
		dims[i] = strconv.Itoa(n)
	}
	shape := strings.Join(dims, ", ")
	if len(dims) == 1 {
		shape += ","
	}
	text := fmt.Sprintf("{'descr': '%s%s', 'fortran_order': False, 'shape': (%s), }", order, descr, shape)
	pad := (64 - (10+len(text)+1)%64) % 64
	text += strings.Repeat(" ", pad) + "\n"
	head := append(bytes.Clone(npyMagic), 1, 0)
	head = binary.LittleEndian.AppendUint16(head, uint16(len(text)))
	if _, err := w.Write(append(head, text...)); err != nil {
		return err
	}
	_, err := w.Write(t.Bytes())
	return err
}

// ReadNpz reads every array of a .npz archive by name.
func ReadNpz(r io.ReaderAt, size int64) (map[string]*Tensor, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("npz: %w", err)
	}
	out := map[string]*Tensor{}
	for _, f := range z.File {
		name, ok := strings.CutSuffix(f.Name, ".npy")
		if !ok {
			continue
		}
		rc, err := f.Open()
		if err != nil {
			return nil, fmt.Errorf("npz: %s: %w", f.Name, err)
		}
		t, err := ReadNpy(rc)
		rc.Close()
		if err != nil {
			return nil, fmt.Errorf("npz: %s: %w", f.Name, err)
		}
		out[name] = t
	}
	return out, nil
}
