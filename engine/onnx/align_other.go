//go:build !(amd64 || arm64 || 386 || wasm || ppc64le || loong64 || riscv64)

package onnx

// NeedsAlignment says whether the processor faults on unaligned numbers: some of these do.
const NeedsAlignment = true
