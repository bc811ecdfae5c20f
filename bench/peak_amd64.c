#include "peak_amd64.h"

#include <immintrin.h>
#include <stdint.h>
#include <string.h>
#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

int bench_has_avx512(void) { return __builtin_cpu_supports("avx512f") != 0; }
int bench_has_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

// Twelve chains: two units with a latency of four or five cycles each are busy
// with ten, and all fit into the sixteen registers of AVX2 with the constants.
#define CHAINS(F) F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8) F(9) F(10) F(11)

// A step maps a to a·m + b, whose fixed point is 1: never an infinity, never a
// subnormal, and no value that a compiler could know.
static volatile float factor = 0.999f, summand = 0.001f;

__attribute__((target("avx512f"))) float bench_fma_avx512(long steps) {
	const __m512 m = _mm512_set1_ps(factor), b = _mm512_set1_ps(summand);
#define START(i) __m512 a##i = _mm512_set1_ps(1.0f + i);
#define STEP(i) a##i = _mm512_fmadd_ps(a##i, m, b);
#define SUM(i) sum = _mm512_add_ps(sum, a##i);
	CHAINS(START)
	for (; steps > 0; steps--) {
		CHAINS(STEP)
	}
	__m512 sum = _mm512_setzero_ps();
	CHAINS(SUM)
	return _mm512_cvtss_f32(sum);
#undef START
#undef STEP
#undef SUM
}

__attribute__((target("avx2,fma"))) float bench_fma_avx2(long steps) {
	const __m256 m = _mm256_set1_ps(factor), b = _mm256_set1_ps(summand);
#define START(i) __m256 a##i = _mm256_set1_ps(1.0f + i);
#define STEP(i) a##i = _mm256_fmadd_ps(a##i, m, b);
#define SUM(i) sum = _mm256_add_ps(sum, a##i);
	CHAINS(START)
	for (; steps > 0; steps--) {
		CHAINS(STEP)
	}
	__m256 sum = _mm256_setzero_ps();
	CHAINS(SUM)
	return _mm256_cvtss_f32(sum);
#undef START
#undef STEP
#undef SUM
}

// bench_tiles_open asks Linux for the tiles' state (ARCH_REQ_XCOMP_PERM, 18).
int bench_tiles_open(void) {
#if defined(__linux__) && defined(SYS_arch_prctl)
	return syscall(SYS_arch_prctl, 0x1023, 18) == 0;
#else
	return 0;
#endif
}

// bench_tiles_bf16 multiplies random numbers: on zeros the units save power and
// run faster than on anything a network holds.
void bench_tiles_bf16(long steps) {
	static uint16_t numbers[4][16][32];
	uint32_t seed = 1;
	for (int i = 0; i < 4 * 16 * 32; i++) {
		seed = seed * 1664525u + 1013904223u;
		// sign and fraction at random, exponent that of 0.5 to 1
		((uint16_t *)numbers)[i] = (uint16_t)(0x3f00 | (seed >> 16 & 0x807f));
	}
	uint8_t config[64];
	memset(config, 0, sizeof config);
	config[0] = 1; // palette: eight tiles of 16 rows of 64 bytes
	for (int i = 0; i < 8; i++) {
		config[16 + 2 * i] = 64;
		config[48 + i] = 16;
	}
	__asm__ volatile("ldtilecfg %0" : : "m"(config));
	__asm__ volatile("tilezero %%tmm0; tilezero %%tmm1; tilezero %%tmm2; tilezero %%tmm3" : :);
	const long row = 64;
	__asm__ volatile("tileloadd (%0,%4,1), %%tmm4\n\ttileloadd (%1,%4,1), %%tmm5\n\t"
			 "tileloadd (%2,%4,1), %%tmm6\n\ttileloadd (%3,%4,1), %%tmm7"
			 : : "r"(numbers[0]), "r"(numbers[1]), "r"(numbers[2]), "r"(numbers[3]), "r"(row) : "memory");
	for (; steps > 0; steps--) {
		__asm__ volatile("tdpbf16ps %%tmm6, %%tmm4, %%tmm0\n\ttdpbf16ps %%tmm7, %%tmm4, %%tmm1\n\t"
				 "tdpbf16ps %%tmm6, %%tmm5, %%tmm2\n\ttdpbf16ps %%tmm7, %%tmm5, %%tmm3" : :);
	}
	__asm__ volatile("tilerelease" : :);
}
