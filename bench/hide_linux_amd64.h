// Answers CPUID as a processor does that has AVX2 and no later vectors, to this thread
// and those it starts. Returns 0, or -1 where the kernel or the processor cannot.
int bench_hide_avx512(void);

// Whether CPUID tells this thread of AVX-512.
int bench_shows_avx512(void);
