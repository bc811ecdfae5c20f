package zoo_test

import (
	"context"
	"strings"
	"testing"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/zoo"
)

// TestRefused: what is no name, session, card or context is an error or nothing, and
// no panic.
func TestRefused(t *testing.T) {
	var ctx context.Context
	home := zoo.WithHome(t.TempDir())
	offline := zoo.WithOffline(true)
	for name, call := range map[string]func() error{
		"the built-in model without a context": func() error { _, err := zoo.LoadContext(ctx, ""); return err },
		"a file without a context":             func() error { _, err := zoo.LoadContext(ctx, "../assets/model.onnx"); return err },
		"a model without a context":            func() error { _, err := zoo.LoadContext(ctx, "resnet50", home, offline); return err },
		"pulling without a context":            func() error { _, err := zoo.Pull(ctx, "resnet50", home, offline); return err },
		"a case without a context":             func() error { _, err := zoo.PullCase(ctx, "resnet50", home, offline); return err },
		"verifying without a context":          func() error { _, err := zoo.Verify(ctx, "builtin"); return err },
		"pulling nothing":                      func() error { _, err := zoo.Pull(t.Context(), "", home); return err },
		"a case of nothing":                    func() error { _, err := zoo.PullCase(t.Context(), "", home); return err },
		"verifying nothing":                    func() error { _, err := zoo.Verify(t.Context(), "", home); return err },
		"removing nothing":                     func() error { _, err := zoo.Remove("", home); return err },
		"the path of nothing":                  func() error { _, err := zoo.Path("", home); return err },
		"no such mirror":                       func() error { _, err := zoo.Pull(t.Context(), "resnet50", home, zoo.WithMirror("\x00")); return err },
		"no session":                           func() error { _, err := zoo.FromSession("", nil); return err },
		"a session that was not opened":        func() error { _, err := zoo.FromSession("", new(engine.Session)); return err },
		"a list of no card":                    func() error { _, err := zoo.List([]*zoo.Card{nil}, home); return err },
		"cards of no bytes":                    func() error { _, err := zoo.ParseCards(nil); return err },
		"a name in no catalogue":               func() error { _, err := new(zoo.Catalogue).Find("resnet50"); return err },
		"writing to nil":                       func() error { return new(zoo.Card).WriteText(nil) },
	} {
		if err := call(); err == nil || strings.Contains(err.Error(), "BUG") {
			t.Errorf("%s: %v", name, err)
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
	for _, m := range []*zoo.Model{nil, new(zoo.Model)} {
		if m.Session() != nil || m.Encoder() != nil || m.Labels() != nil || m.Activation()+m.Input()+m.Guess() != "" || m.Close() != nil {
			t.Error("a model that was not opened has something")
		}
		if card := m.Card(); card != nil && card.Name != "" {
			t.Error("a model that was not opened has a card")
		}
	}
	if m, err := zoo.Load("", nil, zoo.WithLabels(nil), zoo.WithNotice(nil), zoo.WithProgress(nil), zoo.WithEngine(nil), zoo.WithEncoder(nil), zoo.WithHome(""), zoo.WithMirror("")); err != nil {
		t.Errorf("options of nothing: %v", err)
	} else {
		m.Close()
	}
	var card zoo.Card
	if labels, err := card.LabelSet(); labels != nil || err != nil {
		t.Errorf("%v, %v", labels, err)
	}
	_ = []string{card.Example(), card.File(), card.FromUser(), zoo.Port{}.String(), zoo.State(-9).String(), zoo.Size(-1), new(zoo.FetchError).Error(), new(zoo.NotInZooError).Error()}
	var none zoo.Catalogue
	if len(none.Cards())+len(none.Near("x"))+len(none.Search("")) != 0 {
		t.Error("no catalogue has cards")
	}
}
