//go:build anyorder

package team

const anyOrder = true
