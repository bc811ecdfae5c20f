//go:build !amd64 || purego

package jpeg

func fastest() *kernels { return &goKernels }
