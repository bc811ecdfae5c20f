//go:build !amd64

package main

func f32Burst(bool) (burst func(), operations float64) { return nil, 0 }

func tileBurst() (burst func(), operations float64) { return nil, 0 }
