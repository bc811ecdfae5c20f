// Package generate is what the generators have in common: how avo's programs
// become files, how files are written, and the test that they are fresh.
package generate

import (
	"bytes"
	"log"
	"os"
	"path"
	"path/filepath"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
)

// Files are texts by their names, seen from internal/asm.
type Files map[string][]byte

// Program makes the files of a generator.
type Program func() (Files, error)

// Write is the main function of a generator, which runs in internal/asm.
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

// Avo returns the assembly of kernels for amd64 and their Go stubs. by is the
// folder of the generator, dir that of the kernels' package.
func Avo(c *build.Context, by, dir string) (assembly, stubs []byte, err error) {
	c.ConstraintExpr("amd64,!purego")
	f, err := c.Result()
	if err != nil {
		return nil, nil, err
	}
	if err := pass.Compile.Execute(f); err != nil {
		return nil, nil, err
	}
	// Offsets of arguments are those of the Go structs, by name.
	f.Includes = append(f.Includes, "go_asm.h")
	config := printer.Config{Name: "internal/asm/" + by, Pkg: path.Base(dir)}
	if assembly, err = printer.NewGoAsm(config).Print(f); err != nil {
		return nil, nil, err
	}
	if stubs, err = printer.NewStubs(config).Print(f); err != nil {
		return nil, nil, err
	}
	if bytes.Contains(stubs, []byte("unsafe.")) { // the printer knows no imports
		clause := []byte("package " + config.Pkg + "\n")
		stubs = bytes.Replace(stubs, clause, append(clause, "\nimport \"unsafe\"\n"...), 1)
	}
	return assembly, stubs, nil
}
