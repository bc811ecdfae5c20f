//go:build !anyorder

package kernel

// finer is by how much chunks are shorter than intended, see the build tag anyorder.
const finer = 1
