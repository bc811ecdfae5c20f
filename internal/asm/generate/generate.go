// Package generate has what the generators share: they convert avo programs to files,
// write them, and test that the committed files are up to date.
package generate

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
)

// Files maps paths relative to internal/asm to contents.
type Files map[string][]byte

// Program generates the files of a generator.
type Program func() (Files, error)

// Write is the main function of a generator. The working directory must be
// internal/asm.
func Write(p Program) {
	all, err := p()
	if err != nil {
		log.Fatal(err)
	}
	for name, text := range all {
		if err := os.WriteFile(filepath.FromSlash(name), text, 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

// Avo returns the assembly of kernels for amd64 and their Go stubs. by is the name of
// the generator's directory, dir the directory of the package of kernels.
func Avo(c *build.Context, by, dir string) (assembly, stubs []byte, err error) {
	c.ConstraintExpr("amd64,!purego")
	f, err := c.Result()
	if err != nil {
		return nil, nil, err
	}
	if err := pass.Compile.Execute(f); err != nil {
		return nil, nil, err
	}
	if err := unmixed(f); err != nil {
		return nil, nil, err
	}
	// go_asm.h defines the offsets of struct fields by name.
	f.Includes = append(f.Includes, "go_asm.h")
	config := printer.Config{Name: "internal/asm/" + by, Pkg: path.Base(dir)}
	if assembly, err = printer.NewGoAsm(config).Print(f); err != nil {
		return nil, nil, err
	}
	if stubs, err = printer.NewStubs(config).Print(f); err != nil {
		return nil, nil, err
	}
	if bytes.Contains(stubs, []byte("unsafe.")) { // avo's printer writes no imports
		clause := []byte("package " + config.Pkg + "\n")
		stubs = bytes.Replace(stubs, clause, append(clause, "\nimport \"unsafe\"\n"...), 1)
	}
	return assembly, stubs, nil
}

// unmixed returns an error if a function has instructions of AVX and, on vector
// registers, legacy ones of SSE. Where the upper halves of registers are in use, Intel's
// processors save or merge them at every such change: a MOVD between vectors of AVX takes
// longer than the kernel around it. Intel 64 and IA-32 Architectures Optimization
// Reference Manual, "Mixing AVX Code with SSE Code".
func unmixed(f *ir.File) error {
	of := func(i *ir.Instruction, family string) bool {
		return slices.ContainsFunc(i.ISA, func(s string) bool { return strings.HasPrefix(s, family) })
	}
	for _, fn := range f.Functions() {
		all := fn.Instructions()
		if !slices.ContainsFunc(all, func(i *ir.Instruction) bool { return of(i, "AVX") }) {
			continue
		}
		for _, i := range all {
			if of(i, "SSE") && slices.ContainsFunc(i.Operands, operand.IsXMM) {
				return fmt.Errorf("%s: %s is no instruction of AVX; use V%[2]s", fn.Name, i.Opcode)
			}
		}
	}
	return nil
}
