// Command vision writes the assembly of package vision:
//
//	go run ./vision -pkg vision -out ../../vision/resize_amd64.s -stubs ../../vision/resize_stubs_amd64.go
package main

import (
	. "github.com/mmcloughlin/avo/build"
)

func main() {
	ConstraintExpr("!purego")
	half := rounding()
	horizontal(half)
	vertical(half)
	Generate()
}
