package zoo

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
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

func startChild(t *testing.T, home string, card *Card) (*exec.Cmd, *bytes.Buffer) {
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
	out := new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, out
}

// TestKilled kills a process that downloads, fifty times at random moments. What
// lies under the final name is right at each of them, and the call after the last
// kill ends right.
func TestKilled(t *testing.T) {
	data := testData(1_000_000)
	s := newFaulty(t, func(w http.ResponseWriter, r *http.Request, n int) {
		good(&slowWriter{w}, r, data)
	})
	home := t.TempDir() + "/home"
	card := testCard(data, s.URL+"/f")
	resumed, finished := 0, 0
	for range 50 {
		cmd, out := startChild(t, home, card)
		timer := time.AfterFunc(time.Duration(rand.IntN(150))*time.Millisecond, func() { cmd.Process.Kill() })
		err := cmd.Wait()
		timer.Stop()
		if err != nil && !strings.Contains(err.Error(), "killed") && cmd.ProcessState.ExitCode() != -1 {
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
	c.home, c.limits.stall = home, 10*time.Second
	path, err := pull(c, card)
	mustHave(t, c, card, path, err)
	t.Logf("%d left a part, %d had finished", resumed, finished)
	if resumed == 0 {
		t.Error("no kill fell into a download: the test shows nothing")
	}
}

// slowWriter takes some 100 ms for a megabyte.
type slowWriter struct{ http.ResponseWriter }

func (w *slowWriter) Write(p []byte) (int, error) {
	for written := 0; written < len(p); {
		n, err := w.ResponseWriter.Write(p[written:min(written+50_000, len(p))])
		written += n
		if err != nil {
			return written, err
		}
		w.ResponseWriter.(http.Flusher).Flush()
		time.Sleep(5 * time.Millisecond)
	}
	return len(p), nil
}

// TestTwoProcesses lets several processes want the same model at once: it is
// downloaded once, and each of them ends right.
func TestTwoProcesses(t *testing.T) {
	data := testData(1_000_000)
	s := newFaulty(t, func(w http.ResponseWriter, r *http.Request, n int) {
		time.Sleep(300 * time.Millisecond) // until all of them are there
		good(&slowWriter{w}, r, data)
	})
	home := t.TempDir() + "/home"
	card := testCard(data, s.URL+"/f")
	var outs []*bytes.Buffer
	var cmds []*exec.Cmd
	for range 4 {
		cmd, out := startChild(t, home, card)
		cmds, outs = append(cmds, cmd), append(outs, out)
	}
	waited := 0
	for i, cmd := range cmds {
		if err := cmd.Wait(); err != nil || !strings.HasSuffix(outs[i].String(), "ok\n") {
			t.Errorf("process %d: %v: %s", i, err, outs[i])
		}
		lines := bufio.NewScanner(outs[i])
		if lines.Scan() && lines.Text() == "waiting" {
			waited++
		}
	}
	if n := len(s.requests("/f")); n != 1 {
		t.Errorf("the server was asked %d times", n)
	}
	if waited == 0 {
		t.Error("no process said that it waits")
	}
	c := quietConfig(t)
	c.home = home
	mustHave(t, c, card, target(home, card), nil)
}

// A process that holds the lock and is killed leaves it free.
func TestWaiterTakesOver(t *testing.T) {
	data := testData(1_000_000)
	begun := make(chan bool, 10)
	s := newFaulty(t, func(w http.ResponseWriter, r *http.Request, n int) {
		if n == 0 {
			w.Header().Set("Content-Length", fmt.Sprint(len(data)))
			w.Write(data[:400_000])
			w.(http.Flusher).Flush()
			begun <- true
			<-r.Context().Done()
			return
		}
		good(w, r, data)
	})
	c := quietConfig(t)
	card := testCard(data, s.URL+"/f")
	cmd, _ := startChild(t, c.home, card)
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
