package zoo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// child is what a test asks a process of its own to do: to pull a card into a home.
type child struct {
	Home string
	Card *Card
}

const childVariable = "VISION_ZOO_TEST_CHILD"

func TestMain(m *testing.M) {
	if task := os.Getenv(childVariable); task != "" {
		os.Exit(pullAsChild(task))
	}
	os.Exit(m.Run())
}

// pullAsChild prints each state it reports as a line, then "ok" or the error.
func pullAsChild(task string) int {
	var do child
	if err := json.Unmarshal([]byte(task), &do); err != nil {
		panic(err)
	}
	state := State(-1)
	c := newConfig([]Option{WithHome(do.Home), WithProgress(func(p Progress) {
		if p.State != state {
			state = p.State
			fmt.Println(state)
		}
	})})
	if _, err := c.pull(context.Background(), do.Card); err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("ok")
	return 0
}

// startChild starts a process that pulls, and gives what it prints to out.
func startChild(t *testing.T, home string, card *Card, out io.Writer) *exec.Cmd {
	t.Helper()
	if runtime.GOOS == "js" || runtime.GOOS == "wasip1" {
		t.Skip("this system starts no processes; run on one that does")
	}
	task, err := json.Marshal(child{home, card})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+string(task), "VISION_ZOO_MIRROR=", "VISION_OFFLINE=", "HF_ENDPOINT=")
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// TestKilled kills a process that downloads, fifty times at random moments, counted
// in pieces that it was given, so that a slow machine has them too. What lies under
// the final name is right at each of them, and the call after the last kill ends right.
func TestKilled(t *testing.T) {
	data := testData(1_000_000)
	var pieces atomic.Int32
	s := newFaulty(t, func(w http.ResponseWriter, r *http.Request) {
		good(data)(&slowWriter{w, &pieces}, r)
	})
	home := t.TempDir() + "/home"
	card := testCard(data, s.URL+"/f")
	resumed, finished := 0, 0
	for range 50 {
		out, ended := new(bytes.Buffer), make(chan error, 1)
		pieces.Store(0)
		cmd := startChild(t, home, card, out)
		go func() { ended <- cmd.Wait() }()
		for enough := rand.Int32N(30); pieces.Load() < enough && len(ended) == 0; {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Duration(rand.IntN(10)) * time.Millisecond)
		cmd.Process.Kill()
		err := <-ended
		if killed := cmd.ProcessState.ExitCode() == -1 || runtime.GOOS == "windows"; err != nil && !killed { // there Kill is an exit with 1
			t.Fatalf("%v: %s", err, out)
		}
		if got, err := os.ReadFile(target(home, card)); err == nil {
			if hexSum(got) != card.SHA256 {
				t.Fatalf("a wrong file of %d bytes lies under the final name", len(got))
			}
			finished++
			if err := os.RemoveAll(folder(home, card)); err != nil {
				t.Fatal(err)
			}
		} else if info, err := os.Stat(target(home, card) + ".part"); err == nil && info.Size() > 0 {
			resumed++
		}
	}
	c := quietConfig(t)
	c.home = home
	path, err := pull(c, card)
	mustHave(t, c, card, path, err)
	t.Logf("%d left a part, %d had finished", resumed, finished)
	if resumed == 0 {
		t.Error("no kill fell into a download: the test shows nothing")
	}
}

// slowWriter takes some 100 ms for a megabyte, and counts the pieces.
type slowWriter struct {
	http.ResponseWriter
	pieces *atomic.Int32
}

func (w *slowWriter) Write(p []byte) (int, error) {
	for written := 0; written < len(p); {
		n, err := w.ResponseWriter.Write(p[written:min(written+50_000, len(p))])
		written += n
		if err != nil {
			return written, err
		}
		w.ResponseWriter.(http.Flusher).Flush()
		w.pieces.Add(1)
		time.Sleep(5 * time.Millisecond)
	}
	return len(p), nil
}

// TestTwoProcesses lets several processes want the same model at once: it is
// downloaded once, and each of them ends right.
func TestTwoProcesses(t *testing.T) {
	data := testData(1_000_000)
	waits := make(chan bool)
	said := sync.OnceFunc(func() { close(waits) })
	s := newFaulty(t, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-waits:
		case <-time.After(time.Minute):
			t.Error("no process said that it waits")
		}
		good(data)(&slowWriter{w, new(atomic.Int32)}, r)
	})
	home := t.TempDir() + "/home"
	card := testCard(data, s.URL+"/f")
	var outs [4]bytes.Buffer
	var cmds []*exec.Cmd
	for i := range outs {
		cmds = append(cmds, startChild(t, home, card, &waitingWriter{&outs[i], said}))
	}
	for i, cmd := range cmds {
		if err := cmd.Wait(); err != nil || !strings.HasSuffix(outs[i].String(), "ok\n") {
			t.Errorf("process %d: %v: %s", i, err, &outs[i])
		}
	}
	if n := len(s.requests("/f")); n != 1 {
		t.Errorf("the server was asked %d times", n)
	}
	c := quietConfig(t)
	c.home = home
	mustHave(t, c, card, target(home, card), nil)
}

// waitingWriter calls said when a process says first that it waits.
type waitingWriter struct {
	to   *bytes.Buffer
	said func()
}

func (w *waitingWriter) Write(p []byte) (int, error) {
	defer func() {
		if strings.HasPrefix(w.to.String(), "waiting\n") {
			w.said()
		}
	}()
	return w.to.Write(p)
}

// A process that holds the lock and is killed leaves it free.
func TestWaiterTakesOver(t *testing.T) {
	data := testData(1_000_000)
	begun := make(chan bool, 10)
	s := newFaulty(t, inTurn(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(data)))
		w.Write(data[:400_000])
		w.(http.Flusher).Flush()
		begun <- true
		<-r.Context().Done()
	}, good(data)))
	c := quietConfig(t)
	card := testCard(data, s.URL+"/f")
	cmd := startChild(t, c.home, card, new(bytes.Buffer))
	<-begun
	waiting := make(chan Progress, 1000)
	c.progress = func(p Progress) {
		if p.State == Waiting {
			waiting <- p
		}
	}
	done := make(chan error)
	go func() {
		_, err := pull(c, card)
		done <- err
	}()
	for p := range waiting {
		if p.Done > 0 { // the part of the other process
			break
		}
	}
	cmd.Process.Kill()
	cmd.Wait()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	mustHave(t, c, card, target(c.home, card), nil)
	if r := s.requests("/f")[1]; r.Header.Get("Range") == "" {
		t.Error("the second process began from nothing")
	}
}
