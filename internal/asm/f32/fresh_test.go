package main

import (
	"testing"

	"github.com/visionzoo/vision/internal/asm/generate"
)

func TestFresh(t *testing.T) { generate.Fresh(t, files) }
