//go:build linux && amd64

// Tiles runs a program on a processor without Intel AMX and emulates the tile
// instructions that the program executes:
//
//	go build -o tiles ./internal/tiles
//	go test -tags emulatedtiles -exec ./tiles ./engine/kernel
//
// On such a processor a tile instruction raises SIGILL. Tiles traces the program
// (ptrace(2)), decodes the instruction at which a thread stopped (decode.go), applies it to
// the thread's memory and to tile registers that it keeps for the thread (unit.go), and
// continues behind it, or behind the last of several in a row. An instruction takes some ten
// microseconds, so this shows that kernels are correct, not how fast they are.
//
// Only the instructions that this module's kernels use are emulated. Tile registers
// are not saved in signal frames.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: tiles PROGRAM [ARGUMENT...]")
		os.Exit(2)
	}
	status, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "tiles:", err)
		os.Exit(2)
	}
	if status.Signaled() { // as a shell tells it
		os.Exit(128 + int(status.Signal()))
	}
	os.Exit(status.ExitStatus())
}

// run runs a program to its end.
func run(args []string) (unix.WaitStatus, error) {
	runtime.LockOSThread() // the thread that starts a traced program is the one that may trace it
	signal.Ignore(os.Interrupt, syscall.SIGQUIT)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	t := tracer{program: cmd.Process.Pid, units: map[int]*unit{}}
	status, err := t.run()
	if err != nil {
		_ = cmd.Process.Kill() // it may be gone already
	}
	return status, err
}

// A tracer watches the threads of a program. A thread is named by its id, that of the
// program by its first thread's.
type tracer struct {
	program int
	units   map[int]*unit // of each thread that has met SIGILL
	known   map[int]bool  // threads that have stopped before
}

// run lets the program's threads go on whenever they stop, until it has ended.
func (t *tracer) run() (unix.WaitStatus, error) {
	var status unix.WaitStatus
	if _, err := unix.Wait4(t.program, &status, unix.WALL, nil); err != nil || !status.Stopped() {
		return status, err
	}
	// Threads are traced from their first instruction on; programs that the program
	// starts are not.
	if err := unix.PtraceSetOptions(t.program, unix.PTRACE_O_TRACECLONE|unix.PTRACE_O_EXITKILL); err != nil {
		return status, err
	}
	if err := t.reaches(); err != nil {
		return status, fmt.Errorf("the program's memory cannot be read: %w", err)
	}
	t.known = map[int]bool{t.program: true}
	for id, sig := t.program, 0; ; {
		if err := unix.PtraceCont(id, sig); err != nil && !errors.Is(err, unix.ESRCH) { // killed meanwhile
			return status, err
		}
		var err error
		if id, err = wait(&status); err != nil {
			return status, err
		}
		for !status.Stopped() { // a thread has ended, or the program
			if id == t.program {
				return status, nil
			}
			delete(t.units, id)
			delete(t.known, id)
			if id, err = wait(&status); err != nil {
				return status, err
			}
		}
		if sig, err = t.stopped(id, status); err != nil {
			return status, err
		}
	}
}

// reaches tries to read the first instruction of the program, since some systems let a
// program be traced but not read.
func (t *tracer) reaches() error {
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(t.program, &regs); err != nil {
		return err
	}
	var code [1]byte
	_, err := peek(t.program, uintptr(regs.Rip), code[:])
	return err
}

// wait waits until a thread stops or ends.
func wait(status *unix.WaitStatus) (int, error) {
	for {
		id, err := unix.Wait4(-1, status, unix.WALL, nil)
		if !errors.Is(err, unix.EINTR) {
			return id, err
		}
	}
}

// stopped looks at why a thread stopped, and returns the signal that it gets.
func (t *tracer) stopped(id int, status unix.WaitStatus) (int, error) {
	sig := status.StopSignal()
	if !t.known[id] { // a new thread stops before its first instruction
		t.known[id] = true
		if sig == unix.SIGSTOP {
			return 0, nil
		}
	}
	switch {
	case status.TrapCause() > 0: // the thread has started another
		return 0, nil
	case sig == unix.SIGILL:
		done, err := t.step(id)
		if done || err != nil {
			return 0, err
		}
	}
	return int(sig), nil
}

// step carries out the tile instructions in a row that a thread stands before. It reports
// whether there was one.
func (t *tracer) step(id int) (done bool, err error) {
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(id, &regs); err != nil {
		return false, err
	}
	u := t.units[id]
	if u == nil {
		u = &unit{}
		t.units[id] = u
	}
	for {
		var code [longest]byte // of which the end may lie beyond the program
		_, unreadable := peek(id, uintptr(regs.Rip), code[:])
		in, ok := decode(code[:])
		switch {
		case (unreadable != nil || !ok) && done:
			return true, unix.PtraceSetRegs(id, &regs)
		case unreadable != nil || !ok:
			return false, unreadable
		}
		done = true
		regs.Rip += uint64(in.size)
		if err := u.do(id, &regs, in); err != nil {
			return true, fmt.Errorf("instruction at %#x: %w", regs.Rip-uint64(in.size), err)
		}
	}
}

// do carries out an instruction of a thread.
func (u *unit) do(id int, regs *unix.PtraceRegs, in instruction) error {
	switch in.kind {
	case configure:
		var c [configSize]byte
		if n, err := peek(id, in.address(regs), c[:]); err != nil || n < len(c) {
			return fmt.Errorf("its configuration cannot be read: %v", err)
		}
		return u.configure(c[:])
	case release:
		*u = unit{}
		return nil
	case zero:
		clear(u.tiles[in.tile][:])
		return u.used(in.tile)
	case load, store:
		return u.move(id, regs, in)
	case dotBF16:
		return u.dotBF16(in)
	default:
		return u.dotU8S8(in)
	}
}

// move carries out TILELOADD and TILESTORED.
func (u *unit) move(id int, regs *unix.PtraceRegs, in instruction) error {
	if err := u.used(in.tile); err != nil {
		return err
	}
	s := u.shapes[in.tile]
	local, remote := make([]unix.Iovec, s.rows), make([]unix.RemoteIovec, s.rows)
	from, stride := in.address(regs), in.stride(regs)
	for row := range s.rows {
		local[row].Base = &u.tiles[in.tile][row*rowBytes]
		local[row].SetLen(s.bytes)
		remote[row] = unix.RemoteIovec{Base: from + uintptr(row)*stride, Len: s.bytes}
	}
	transfer := unix.ProcessVMWritev
	if in.kind == load {
		clear(u.tiles[in.tile][:])
		transfer = unix.ProcessVMReadv
	}
	if n, err := transfer(id, local, remote, 0); err != nil || n < s.rows*s.bytes {
		return fmt.Errorf("%d rows of %d bytes at %#x, %d bytes apart, cannot be reached: %v", s.rows, s.bytes, from, int(stride), err)
	}
	return nil
}

// address is where the instruction's memory operand begins.
func (in *instruction) address(regs *unix.PtraceRegs) uintptr {
	at := uintptr(in.offset)
	switch {
	case in.fromEnd:
		at += uintptr(regs.Rip)
	case in.base >= 0:
		at += uintptr(register(regs, in.base))
	}
	if in.kind == configure && in.index >= 0 {
		at += in.stride(regs)
	}
	return at
}

// stride is the distance from one row in memory to the next.
func (in *instruction) stride(regs *unix.PtraceRegs) uintptr {
	if in.index < 0 {
		return 0
	}
	return uintptr(register(regs, in.index)) << in.scale
}

// register is the value of a general register.
func register(r *unix.PtraceRegs, number int) uint64 {
	return [...]uint64{r.Rax, r.Rcx, r.Rdx, r.Rbx, r.Rsp, r.Rbp, r.Rsi, r.Rdi,
		r.R8, r.R9, r.R10, r.R11, r.R12, r.R13, r.R14, r.R15}[number]
}

// peek reads a program's memory, as far as it can be read.
func peek(id int, at uintptr, to []byte) (int, error) {
	local := []unix.Iovec{{Base: &to[0]}}
	local[0].SetLen(len(to))
	return unix.ProcessVMReadv(id, local, []unix.RemoteIovec{{Base: at, Len: len(to)}}, 0)
}
