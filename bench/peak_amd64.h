// Bursts of arithmetic that do nothing but keep the units of one core busy. Each
// returns a sum, so that no compiler leaves it out.
int bench_has_avx512(void);
int bench_has_avx2(void);
float bench_fma_avx512(long steps); // 12 chains × 16 numbers a step
float bench_fma_avx2(long steps);   // 12 chains × 8 numbers a step
int bench_tiles_open(void);         // whether this process may use tiles
void bench_tiles_bf16(long steps);  // 4 products of 16×32 by 32×16 a step
