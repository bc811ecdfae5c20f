package zoo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/visionzoo/vision/assets"
	"github.com/visionzoo/vision/assets/label"
	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/internal/await"
	"github.com/visionzoo/vision/internal/pictures"
	"github.com/visionzoo/vision/vision"
)

// Model is an opened model with its encoder, labels and card. Its parts are safe
// for concurrent use until Close.
type Model struct {
	card    *Card
	session *engine.Session
	encoder *vision.Encoder
	labels  *label.Set
	input   string
	guess   string
}

// parts are those of the model; the nil one that Load returns with an error has none.
func (m *Model) parts() Model {
	if m == nil {
		return Model{}
	}
	return *m
}

// Session returns the session that runs the network. Close closes it.
func (m *Model) Session() *engine.Session { return m.parts().session }

// Encoder returns the encoder that turns pictures into the network's input, nil if
// no input takes a picture.
func (m *Model) Encoder() *vision.Encoder { return m.parts().encoder }

// Labels returns the labels of the classes, nil if they are not known.
func (m *Model) Labels() *label.Set { return m.parts().labels }

// Activation says how the scores of a classifier were made, by its card: "softmax" or
// "sigmoid" for probabilities, "none" for logits; "" if the card does not say.
func (m *Model) Activation() string {
	card := m.Card()
	if card == nil {
		return ""
	}
	word, _, _ := strings.Cut(card.Activation, " ") // "softmax (output softmaxout_1)"
	switch word {
	case "softmax", "sigmoid", "none":
		return word
	}
	return ""
}

// Card is what the zoo knows about the model. For a file that is not in the zoo it
// has only name, path and size.
func (m *Model) Card() *Card { return m.parts().card }

// Input returns the name of the input that takes the Encoder's tensors, "" if there
// is no Encoder.
func (m *Model) Input() string { return m.parts().input }

// Guess is one line for people that says what was guessed, such as the recipe,
// because neither the card nor the caller specified it; "" if nothing was.
func (m *Model) Guess() string { return m.parts().guess }

// Close closes the session when the runs under way have ended. Closing the nil model that
// Load returns with an error does nothing.
func (m *Model) Close() error {
	if m == nil {
		return nil
	}
	return m.session.Close()
}

// openConfig holds the options for opening a model.
type openConfig struct {
	engine  []engine.Option
	encoder []vision.EncoderOption
	recipe  *vision.Recipe
	labels  *label.Set
}

// WithEngine passes options to engine.Open.
func WithEngine(opts ...engine.Option) Option {
	return func(c *config) { c.open.engine = append(c.open.engine, opts...) }
}

// WithEncoder passes options to vision.NewEncoder.
func WithEncoder(opts ...vision.EncoderOption) Option {
	return func(c *config) { c.open.encoder = append(c.open.encoder, opts...) }
}

// WithRecipe sets how pictures are prepared, instead of by the card's recipe or a
// guess. The recipe's size, layout and float type are adapted to the network's
// input.
func WithRecipe(r vision.Recipe) Option { return func(c *config) { c.open.recipe = &r } }

// WithLabels sets the labels of the classes, instead of the card's.
func WithLabels(s *label.Set) Option { return func(c *config) { c.open.labels = s } }

// Load opens a model by its name in the catalogue (see Catalogue.Find). Its file
// comes from the cache or a download. Its digest is checked once, and again when its
// size or its modification time changes. The empty name is the built-in model. A
// name with a slash or the extension .onnx is the path of a file of the caller's
// own, and so is any other name that no model has but a file does.
//
// The errors are those of Pull and of engine.Open, and fs.ErrNotExist for a path
// where no file is. Close the Model when it is no longer used.
func Load(name string, opts ...Option) (*Model, error) {
	return LoadContext(context.Background(), name, opts...)
}

// LoadContext is Load with a context. It returns within 50 ms of the context's end,
// with the context's error.
func LoadContext(ctx context.Context, name string, opts ...Option) (*Model, error) {
	if err := await.Check(ctx); err != nil {
		return nil, err
	}
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

// FromSession makes a Model of a session that the caller has opened, such as one
// that engine.OpenModel made of an importer's graph: with WithRecipe and WithLabels,
// or with what inputs, outputs and metadata suggest, as for a file of the caller's
// own. The name is for messages and the card. The Model's Close closes the session;
// if there is an error, it stays open.
func FromSession(name string, s *engine.Session, opts ...Option) (*Model, error) {
	if s == nil {
		return nil, fmt.Errorf("model %s: the session is nil; engine.Open makes one", quote(name))
	}
	m := &Model{card: &Card{Name: name}, session: s}
	if err := s.Guard(func() error { return newConfig(opts).prepare(m) }); err != nil {
		return nil, fmt.Errorf("model %s: %w", quote(name), err)
	}
	return m, nil
}

// loadFile opens a file of the caller's own. If its size and digest are those of a
// model of the zoo, it gets that model's card.
func (c *config) loadFile(ctx context.Context, path string) (*Model, error) {
	f, info, err := openRegular(path)
	if err != nil {
		return nil, noFile(path, err)
	}
	defer f.Close()
	// In parallel, since reading the catalogue takes about as long as opening a
	// small network.
	var card *Card
	var cardErr error
	var known sync.WaitGroup
	known.Go(func() { card, cardErr = knownFile(ctx, f, info.Size()) })
	session, err := openSession(ctx, path, c.open.engine)
	known.Wait()
	if err != nil {
		return nil, err
	}
	// The engine opens the path again, which may lead to another file meanwhile.
	if now, statErr := os.Stat(path); cardErr == nil && (statErr != nil || !os.SameFile(info, now) || info.Size() != now.Size() || !info.ModTime().Equal(now.ModTime())) {
		cardErr = fmt.Errorf("model file %s changed while it was opened; open it again", quote(path))
	}
	switch {
	case cardErr != nil:
		session.Close()
		return nil, cardErr
	case card == nil:
		card = &Card{Name: stem(path), Path: filepath.Base(path), Bytes: info.Size()}
	}
	return c.model(card, session)
}

func stem(path string) string { return strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)) }

// noFile says why a path could not be opened, and what may have been meant.
func noFile(path string, err error) error {
	if scheme, _, ok := strings.Cut(path, "://"); ok && len(scheme) > 1 {
		return fmt.Errorf("model %s is a URL: models are fetched by their names in the zoo (vision zoo list), over https; download the file and give its path", quote(path))
	}
	if info, statErr := os.Stat(path); statErr == nil && info.IsDir() {
		return fmt.Errorf("model file %s is a folder; give the .onnx file in it", quote(path))
	}
	hint := ""
	if all, allErr := All(); allErr == nil && errors.Is(err, fs.ErrNotExist) {
		if card, findErr := all.Find(stem(path)); findErr == nil {
			hint = "; for the zoo's model, leave out the extension: " + card.Name
		}
	}
	return fmt.Errorf("model file %s: %w%s", quote(path), pathless(err), hint)
}

// knownFile returns the card with a file's size and digest, nil if there is none.
// The file is read only if its size is that of a model.
func knownFile(ctx context.Context, f io.Reader, size int64) (*Card, error) {
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

// model makes a Model of a card and a session. It closes the session if they do not
// fit together.
func (c *config) model(card *Card, session *engine.Session) (*Model, error) {
	m := &Model{card: card, session: session}
	if err := c.prepare(m); err != nil {
		session.Close()
		return nil, fmt.Errorf("model %s: %w", quote(card.Name), err)
	}
	return m, nil
}

// openSession opens a file, or the built-in model. It returns as soon as the
// context is cancelled; the session is then closed in the background.
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
			o.session, o.err = engine.OpenContext(ctx, path, opts...)
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

// prepare finds the recipe and the labels: the caller's, else the card's, else a
// guess.
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
	switch {
	case !ok && c.open.recipe != nil:
		return errors.New("no input takes a picture, so a recipe is of no use")
	case !ok || !known && !p.likely():
		m.guess = noPicture(m.card, known)
		return c.findLabels(m, "", outputs)
	case !known:
		if recipe, m.guess, err = guess(m, p); err != nil {
			return err
		}
	}
	m.encoder, err = c.encoder(p, recipe)
	switch {
	case err != nil && known:
		return err
	case err != nil: // without a picture the network is as good as any
		m.guess = fmt.Sprintf("%s: no recipe is known for this model, and the one that its outputs suggest does not fit: %v; give --recipe", excerpt(m.card.Name), err)
		return c.findLabels(m, "", outputs)
	}
	m.input = p.name
	return c.findLabels(m, recipe.Name, outputs)
}

// guess names a recipe by the network's inputs, outputs and metadata, and says so in a
// line for people.
func guess(m *Model, p pictureInput) (vision.Recipe, string, error) {
	outputs, metadata := m.session.Outputs(), m.session.Metadata()
	name, why := guessRecipe(p, m.session.Inputs(), outputs, metadata)
	recipe, err := vision.Named(name)
	if err != nil {
		return recipe, "", err
	}
	if p.dtype != 0 && name == "none" {
		recipe.DType = p.dtype.String()
	}
	if name == "none" && p.height > 0 && p.width > 0 {
		recipe.Resize = vision.ResizeRule{Mode: vision.Stretch, Width: p.width, Height: p.height, Filter: vision.Bilinear}
		why += fmt.Sprintf(", stretched to its %d x %d", p.height, p.width)
	}
	if size := trainedSize(metadata); size != nil && (p.height == 0 || p.width == 0) {
		recipe = recipe.WithSize(size[0], size[1])
	}
	if (p.height == 0 || p.width == 0) && name == "fcn" && outputs[0].Shape.Dims[1].N == 1 { // no map of classes
		recipe.Pad = vision.PadRule{Mode: vision.PadMultiple, Multiple: 32} // where maps of two scales meet, halves of halves are whole
		why += ", padded to multiples of 32"
	}
	return recipe, fmt.Sprintf("%s: no recipe is known for this model; its input (%s) suggests %q: %s; to set it, give --recipe",
		excerpt(m.card.Name), p, name, why), nil
}

// encoder is that of a recipe, adapted to the input.
func (c *config) encoder(p pictureInput, recipe vision.Recipe) (*vision.Encoder, error) {
	e, err := vision.NewEncoder(p.fit(recipe), c.open.encoder...)
	if err != nil {
		return nil, err
	}
	if err := p.takes(e); err != nil {
		return nil, fmt.Errorf("recipe %s %w", quote(recipe.Name), err)
	}
	return e, nil
}

func noPicture(card *Card, known bool) string {
	if known { // such as the preprocessing graph, whose input is a sequence
		return ""
	}
	return excerpt(card.Name) + ": no input of this model takes a picture"
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
