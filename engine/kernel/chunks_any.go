//go:build anyorder

package kernel

// finer makes chunks of small steps too, for package team to run in any order.
const finer = 10
