module github.com/visionzoo/vision/bench

go 1.26.0

require (
	github.com/visionzoo/vision v0.0.0
	golang.org/x/sys v0.49.0
)

require (
	github.com/BourgeoisBear/rasterm v1.1.1 // indirect
	github.com/disintegration/imaging v1.6.2 // indirect
	github.com/klauspost/compress v1.18.2 // indirect
	golang.org/x/image v0.47.0 // indirect
	golang.org/x/term v0.18.0 // indirect
	golang.org/x/text v0.43.0 // indirect
)

require (
	github.com/yalue/onnxruntime_go v1.27.0
	gocv.io/x/gocv v0.31.0
	google.golang.org/protobuf v1.36.12 // indirect
)

replace github.com/visionzoo/vision => ../
