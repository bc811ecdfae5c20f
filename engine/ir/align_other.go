//go:build !(amd64 || arm64 || 386 || wasm || ppc64le || loong64 || riscv64)

package ir

const needsAlignment = true
