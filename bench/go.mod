module github.com/visionzoo/vision/bench

go 1.26.0

require (
	github.com/visionzoo/vision v0.0.0
	golang.org/x/sys v0.49.0
)

require (
	github.com/yalue/onnxruntime_go v1.27.0
	google.golang.org/protobuf v1.36.12 // indirect
)

replace github.com/visionzoo/vision => ../
