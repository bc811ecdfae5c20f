package zoo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/visionzoo/vision/assets"
	"github.com/visionzoo/vision/assets/label"
	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/internal/pictures"
	"github.com/visionzoo/vision/vision"
)

// Model is an opened model with all that makes sense of it. Its parts may be used
// from several goroutines; Close ends that.
type Model struct {
	card    *Card
	session *engine.Session
	encoder *vision.Encoder
	labels  *label.Set
	input   string
	guess   string
}

// Session runs the network.
func (m *Model) Session() *engine.Session { return m.session }

// Encoder turns pictures into the network's input. It is nil where no input takes
// a picture.
func (m *Model) Encoder() *vision.Encoder { return m.encoder }

// Labels says what the classes mean. It is nil where nobody knows.
func (m *Model) Labels() *label.Set { return m.labels }

// Card is what the zoo knows of the model. For a file that is not in the zoo it
// has name, path, size and what the file says of itself.
func (m *Model) Card() *Card { return m.card }

// Input is the name of the input that the Encoder's tensors go to, "" where there
// is no Encoder.
func (m *Model) Input() string { return m.input }

// Guess is one line for people on what was guessed, because neither the zoo nor
// the caller knew it; "" where nothing was.
func (m *Model) Guess() string { return m.guess }

// Close gives back what the session holds. No Run may be under way. It does nothing
// to the nil that Load returns beside an error.
func (m *Model) Close() error {
	if m == nil {
		return nil
	}
	return m.session.Close()
}

// openConfig is what the options say of opening a model.
type openConfig struct {
	engine  []engine.Option
	encoder []vision.EncoderOption
	recipe  *vision.Recipe
	labels  *label.Set
}

// WithEngine passes options on to the session.
func WithEngine(opts ...engine.Option) Option {
	return func(c *config) { c.open.engine = append(c.open.engine, opts...) }
}

// WithEncoder passes options on to the encoder.
func WithEncoder(opts ...vision.EncoderOption) Option {
	return func(c *config) { c.open.encoder = append(c.open.encoder, opts...) }
}

// WithRecipe sets how pictures are prepared, in place of the card's recipe or of a
// guess. Its size, layout and float type follow what the network's input says.
func WithRecipe(r vision.Recipe) Option { return func(c *config) { c.open.recipe = &r } }

// WithLabels sets what the classes mean.
func WithLabels(s *label.Set) Option { return func(c *config) { c.open.labels = s } }

// Load opens a model by name: the catalogue says what it is, the cache or a
// download gives its file, whose digest is checked. The empty name is the built-in
// model. A name with a slash, or that ends in ".onnx", is the path of a file of the
// caller's own; so is any other that no model has and a file does.
//
// The errors are those of Pull, and those of engine.Open.
func Load(name string, opts ...Option) (*Model, error) {
	return LoadContext(context.Background(), name, opts...)
}

// LoadContext is Load with a context: cancelled, it returns within 50 ms.
func LoadContext(ctx context.Context, name string, opts ...Option) (*Model, error) {
	c := newConfig(opts)
	if name == "" {
		card, err := Published().Find("builtin")
		if err != nil {
			return nil, err
		}
		return c.load(ctx, card, "")
	}
	if looksLikePath(name) {
		return c.loadFile(ctx, name)
	}
	all, err := All()
	if err != nil {
		return nil, err
	}
	card, err := all.Find(name)
	if err != nil {
		if _, statErr := os.Stat(name); statErr == nil {
			return c.loadFile(ctx, name)
		}
		return nil, err
	}
	path := ""
	if !card.Builtin {
		if card, path, err = c.pullNamed(ctx, name, card); err != nil {
			return nil, err
		}
	}
	return c.load(ctx, card, path)
}

func looksLikePath(name string) bool {
	return strings.ContainsAny(name, `/`+string(filepath.Separator)) || strings.EqualFold(filepath.Ext(name), ".onnx")
}

// loadFile opens a file of the user's own. One whose size and digest are those of
// a model of the zoo is that model.
func (c *config) loadFile(ctx context.Context, path string) (*Model, error) {
	info, err := os.Stat(path)
	if scheme, _, ok := strings.Cut(path, "://"); err != nil && ok && len(scheme) > 1 {
		return nil, fmt.Errorf("model %s is an address: models are fetched by their names in the zoo (vision zoo list), over https; download the file and give its path", quote(path))
	}
	if err != nil {
		return nil, fmt.Errorf("model file %s: %w", quote(path), pathless(err))
	}
	if info.IsDir() {
		return nil, fmt.Errorf("model file %s is a folder; give the .onnx file in it", quote(path))
	}
	if !info.Mode().IsRegular() { // a pipe would not let go
		return nil, fmt.Errorf("model file %s is not a regular file", quote(path))
	}
	// Reading the catalogue takes about as long as opening a small network.
	var card *Card
	var cardErr error
	var known sync.WaitGroup
	known.Go(func() { card, cardErr = knownFile(ctx, path, info.Size()) })
	session, err := openSession(ctx, path, c.open.engine)
	known.Wait()
	switch {
	case err != nil:
		return nil, err
	case cardErr != nil:
		session.Close()
		return nil, cardErr
	case card == nil:
		name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
		card = &Card{Name: name, Path: filepath.Base(path), Bytes: info.Size()}
	}
	return c.model(card, session)
}

// knownFile returns the card of a file by its size and digest, nil where it is
// none of the zoo's. It is read only where the size is that of a model.
func knownFile(ctx context.Context, path string, size int64) (*Card, error) {
	if len(userFiles(UserFolder())) == 0 && !mayBePublished(size) {
		return nil, nil
	}
	all, err := All()
	if err != nil {
		return nil, err
	}
	var likely []*Card
	for _, card := range all.cards {
		if card.Bytes == size {
			likely = append(likely, card)
		}
	}
	if len(likely) == 0 {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("model file %s: %w", quote(path), pathless(err))
	}
	defer f.Close()
	h := sha256.New()
	if _, err := copyContext(ctx, h, io.LimitReader(f, size+1)); err != nil {
		return nil, err
	}
	sum := hex.EncodeToString(h.Sum(nil))
	for _, card := range likely {
		if card.SHA256 == sum {
			return card, nil
		}
	}
	return nil, nil
}

// load opens a card's file; path is "" for the built-in model.
func (c *config) load(ctx context.Context, card *Card, path string) (*Model, error) {
	session, err := openSession(ctx, path, c.open.engine)
	if err != nil {
		return nil, err
	}
	return c.model(card, session)
}

// model puts a card and its session together, which is closed where they do not
// fit.
func (c *config) model(card *Card, session *engine.Session) (*Model, error) {
	m := &Model{card: card, session: session}
	if err := c.prepare(m); err != nil {
		session.Close()
		return nil, fmt.Errorf("model %s: %w", quote(card.Name), err)
	}
	return m, nil
}

// openSession opens a file, or the built-in model, and does not keep a caller
// waiting who has been cancelled meanwhile.
func openSession(ctx context.Context, path string, opts []engine.Option) (*engine.Session, error) {
	type opened struct {
		session *engine.Session
		err     error
	}
	pictures.Register()
	done := make(chan opened, 1)
	go func() {
		var o opened
		if path == "" {
			o.session, o.err = engine.OpenBytes(assets.Model(), opts...)
		} else {
			o.session, o.err = engine.Open(path, opts...)
		}
		done <- o
	}()
	select {
	case o := <-done:
		return o.session, o.err
	case <-ctx.Done():
		go func() {
			if o := <-done; o.err == nil {
				o.session.Close()
			}
		}()
		return nil, context.Cause(ctx)
	}
}

// prepare finds recipe and labels: the caller's, else the card's, else a guess.
func (c *config) prepare(m *Model) error {
	inputs, outputs := m.session.Inputs(), m.session.Outputs()
	p, ok := findPicture(inputs)
	recipe, known, err := m.card.recipeOf()
	if err != nil {
		return err
	}
	if c.open.recipe != nil {
		recipe, known = *c.open.recipe, true
	}
	if !ok {
		if c.open.recipe != nil {
			return errors.New("no input takes a picture, so no recipe is of use")
		}
		m.guess = noPicture(m.card, known)
		return c.findLabels(m, "", outputs)
	}
	if !known {
		name, why := guessRecipe(p, inputs, outputs)
		if recipe, err = vision.Named(name); err != nil {
			return err
		}
		if p.dtype != 0 && name == "none" {
			recipe.DType = p.dtype.String()
		}
		if name == "none" && p.height > 0 && p.width > 0 {
			recipe.Resize = vision.ResizeRule{Mode: vision.Stretch, Width: p.width, Height: p.height, Filter: vision.Bilinear}
			why += fmt.Sprintf(", stretched to its %d x %d", p.height, p.width)
		}
		m.guess = fmt.Sprintf("%s: no recipe is known for this model; its input (%s) suggests %q: %s; to set it, give --recipe",
			excerpt([]byte(m.card.Name)), p, name, why)
	}
	encoder, err := vision.NewEncoder(p.fit(recipe), c.open.encoder...)
	if err != nil {
		return err
	}
	if err := p.takes(encoder); err != nil {
		return fmt.Errorf("recipe %s %w", quote(recipe.Name), err)
	}
	m.encoder, m.input = encoder, p.name
	return c.findLabels(m, recipe.Name, outputs)
}

func noPicture(card *Card, known bool) string {
	if known { // as of the preprocessing graph, whose input is a sequence
		return ""
	}
	return excerpt([]byte(card.Name)) + ": no input of this model takes a picture"
}

func (c *config) findLabels(m *Model, recipe string, outputs []engine.Info) (err error) {
	m.labels = c.open.labels
	if m.labels == nil {
		m.labels, err = m.card.LabelSet()
	}
	if m.labels == nil && m.card.SHA256 == "" {
		m.labels = guessLabels(recipe, outputs, m.session.Metadata())
	}
	if m.labels != nil && len(outputs) > 0 {
		if fitted, ok := m.labels.Fit(width(outputs[0])); ok {
			m.labels = fitted
		}
	}
	return err
}
