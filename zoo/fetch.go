package zoo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"os"
	"time"
)

// fetcher downloads one blob into one folder. The caller holds the model's lock.
type fetcher struct {
	*config
	blob     blob
	root     *os.Root
	report   func(Progress)
	attempts []Attempt
	wrong    bool // a complete file came with another digest
}

// How an attempt may end, other than with success or an error of this machine.
type (
	// moveOn: this address does not have the file.
	moveOn struct{ answer string }
	// tryAgain: it may have it after a while.
	tryAgain struct {
		answer    string
		after     time.Duration // asked for by the server, or 0
		unreached bool          // no server has answered: once more is enough, there may be no network
	}
)

func (e moveOn) Error() string   { return e.answer }
func (e tryAgain) Error() string { return e.answer }

// run tries each source in turn until one gives the right file, and returns which.
// The error is a FetchError, the context's, or one of this machine.
func (f *fetcher) run(ctx context.Context, targetPath string) (string, error) {
	sources, err := f.sources(f.blob)
	if err != nil {
		return "", err
	}
	for _, s := range sources {
		err := f.from(ctx, s)
		var next moveOn
		switch {
		case err == nil:
			return s.String(), nil
		case errors.As(err, &next):
			f.attempts = append(f.attempts, Attempt{s.String(), next.answer})
		default:
			return "", err
		}
	}
	if info, err := f.root.Lstat(f.blob.file()); err == nil { // perhaps put there by hand
		f.attempts = append(f.attempts, Attempt{targetPath, fmt.Sprintf("another file lies there, of %d bytes", info.Size())})
	}
	failed := &FetchError{Name: f.blob.name, File: f.blob.file(), Bytes: f.blob.bytes, SHA256: f.blob.sha256,
		Target: targetPath, Attempts: f.attempts, Err: ErrNotFound}
	if len(f.blob.urls) > 0 {
		if u, err := url.Parse(f.blob.urls[0]); err == nil {
			failed.Address = u.Redacted()
		}
	}
	if info, err := f.root.Lstat(f.blob.file() + partSuffix); err == nil && info.Mode().IsRegular() {
		failed.Kept = info.Size()
	}
	switch {
	case f.wrong:
		failed.Err = ErrDigest
	case f.offline:
		failed.Err = ErrOffline
	}
	return "", failed
}

// from downloads the blob from one source, with retries as long as they make sense.
func (f *fetcher) from(ctx context.Context, s source) error {
	p, err := openPart(f.root, f.blob.file())
	if err != nil {
		return err
	}
	defer func() {
		empty := p.size == 0
		p.Close()
		if empty {
			f.root.Remove(p.name)
			f.root.Remove(p.name + ".json")
		}
	}()
	if err := f.fill(ctx, s, p); err != nil {
		return err
	}
	return f.settle(ctx, s, p)
}

// settle accepts a complete part. If its digest is wrong, it is deleted; if it was
// begun by an earlier call or from another address, this address gets one chance to
// give the whole file.
func (f *fetcher) settle(ctx context.Context, s source, p *part) error {
	wrong, err := p.accept(ctx, f.blob, f.report)
	if err != nil || wrong == "" {
		return err
	}
	mixed := p.mixed
	if err := p.restart(); err != nil {
		return err
	}
	if mixed {
		if err := f.fill(ctx, s, p); err != nil {
			return err
		}
		if wrong, err = p.accept(ctx, f.blob, f.report); err != nil || wrong == "" {
			return err
		}
		if err := p.restart(); err != nil {
			return err
		}
	}
	f.wrong = true
	return moveOn{fmt.Sprintf("sha256 is %s, must be %s", wrong, f.blob.sha256)}
}

// fill downloads until the part has its full length.
func (f *fetcher) fill(ctx context.Context, s source, p *part) error {
	if p.size > f.blob.bytes {
		if err := p.restart(); err != nil {
			return err
		}
	}
	furthest := p.size // a server without ranges begins at 0 again
	for failures := 0; p.size < f.blob.bytes; {
		err := f.attempt(ctx, s, p)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var again tryAgain
		if !errors.As(err, &again) {
			if err != nil {
				return err
			}
			continue
		}
		if p.size-furthest > f.blob.bytes/64 { // a bad connection that makes progress is better than none
			failures, furthest = 0, p.size
		}
		if failures++; failures > f.limits.retries || again.unreached && failures > 1 {
			return moveOn{again.answer}
		}
		if err := f.wait(ctx, failures, again); err != nil {
			return err
		}
	}
	return nil
}

// wait sleeps before a retry: as long as the server asked for, else twice as long
// each time, with some randomness.
func (f *fetcher) wait(ctx context.Context, failures int, e tryAgain) error {
	if e.after > f.limits.maxWait {
		return moveOn{fmt.Sprintf("%s, and asks to wait %s", e.answer, e.after.Round(time.Second))}
	}
	pause := e.after
	if pause == 0 {
		pause = f.limits.backoff << (failures - 1)
		pause += rand.N(pause/4 + 1)
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

func (f *fetcher) attempt(ctx context.Context, s source, p *part) error {
	if s.url == nil {
		return f.copyFile(ctx, s, p)
	}
	return f.download(ctx, s, p)
}

// copyFile copies the whole file from a mirror's folder.
func (f *fetcher) copyFile(ctx context.Context, s source, p *part) error {
	in, info, err := openRegular(s.file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return moveOn{"no such file"}
	case err != nil:
		return moveOn{pathless(err).Error()}
	}
	defer in.Close()
	if info.Size() != f.blob.bytes {
		head := make([]byte, sniffLength)
		n, _ := io.ReadFull(in, head)
		return moveOn{f.sizeAnswer(head[:n], info.Size())}
	}
	if err := p.restart(); err != nil {
		return err
	}
	if err := p.setOrigin(origin{Address: s.String()}); err != nil {
		return err
	}
	return f.receive(ctx, s, p, in, func() {})
}

// sizeAnswer describes a file whose size is wrong.
func (f *fetcher) sizeAnswer(head []byte, size int64) string {
	if what := recognise(head, f.blob.file()); what != "" {
		return what
	}
	return fmt.Sprintf("has %d bytes, must have %d", size, f.blob.bytes)
}

// receive appends the data of r to the part, up to the blob's length and not one
// byte more. alive is called whenever data arrives.
func (f *fetcher) receive(ctx context.Context, s source, p *part, r io.Reader, alive func()) error {
	resumed := p.size
	buf := make([]byte, 256<<10)
	if p.size == 0 {
		n, err := io.ReadAtLeast(r, buf[:sniffLength], min(sniffLength, int(min(f.blob.bytes, sniffLength))))
		alive()
		if what := recognise(buf[:n], f.blob.file()); what != "" && n > 0 {
			return moveOn{what}
		}
		if err := f.keep(s, p, buf[:n], resumed); err != nil {
			return err
		}
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
	}
	for {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		n, err := r.Read(buf)
		if n > 0 {
			alive()
			if err := f.keep(s, p, buf[:n], resumed); err != nil {
				return err
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if p.size < f.blob.bytes {
		return tryAgain{answer: fmt.Sprintf("ended after %d of %d bytes", p.size, f.blob.bytes)}
	}
	return nil
}

// keep appends data to the part, unless that makes it longer than the blob: then
// the whole part is discarded.
func (f *fetcher) keep(s source, p *part, data []byte, resumed int64) error {
	if int64(len(data)) > f.blob.bytes-p.size {
		if err := p.restart(); err != nil {
			return err
		}
		return moveOn{fmt.Sprintf("gives more than the %d bytes of the file", f.blob.bytes)}
	}
	if err := p.append(data, f.limits.write); err != nil {
		return err
	}
	f.report(Progress{State: Downloading, Source: s.String(), Done: p.size, Total: f.blob.bytes, Resumed: resumed})
	return nil
}
