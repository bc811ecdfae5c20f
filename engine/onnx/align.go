//go:build amd64 || arm64 || 386 || wasm || ppc64le || loong64 || riscv64

package onnx

// NeedsAlignment says whether the processor faults on numbers that do not
// start on a multiple of their size, as numbers inside a file may.
const NeedsAlignment = false
