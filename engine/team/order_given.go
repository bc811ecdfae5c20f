//go:build !anyorder

package team

// anyOrder says that shuffled takes the place of threads.
const anyOrder = false
