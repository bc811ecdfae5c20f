//go:build !gocv

package main

import "errors"

var errNoOpenCV = errors.New("built without OpenCV; have libopencv-dev 4.6 (as Debian 12 has) and run: go build -tags gocv -o bench-opencv .")

func opencvVersion() error { return errNoOpenCV }

func openOpenCV(opening) (runner, error) { return nil, errNoOpenCV }
