// gocv has no call for the number of threads.
#ifdef __cplusplus
extern "C"
#endif
void bench_opencv_threads(int n);
