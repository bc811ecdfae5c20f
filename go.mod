module github.com/visionzoo/vision

go 1.26
