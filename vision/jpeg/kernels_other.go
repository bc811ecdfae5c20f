//go:build (!amd64 && !arm64) || purego

package jpeg

func fastest() *kernels { return &goKernels }
