module github.com/visionzoo/vision

go 1.26.0

require (
	golang.org/x/sys v0.49.0
	google.golang.org/protobuf v1.36.12
)

require golang.org/x/image v0.47.0

require github.com/gofrs/flock v0.13.1
