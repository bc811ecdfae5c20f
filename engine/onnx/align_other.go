//go:build !(amd64 || arm64 || 386 || wasm || ppc64le || loong64 || riscv64)

package onnx

// NeedsAlignment says that it does.
const NeedsAlignment = true
