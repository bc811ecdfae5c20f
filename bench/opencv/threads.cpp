//go:build gocv

#include <opencv2/core/utility.hpp>

#include "threads.h"

void bench_opencv_threads(int n) { cv::setNumThreads(n); }
