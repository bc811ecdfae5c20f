#define _GNU_SOURCE
#include "hide_linux_amd64.h"
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define ARCH_SET_CPUID 0x1012 // asm/prctl.h; 0: CPUID faults

static struct sigaction before; // Go's

// Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, CPUID, leaf 7.
static const unsigned avx512[3] = {
	1u << 16 | 1u << 17 | 1u << 21 | 1u << 26 | 1u << 27 | 1u << 28 | 1u << 30 | 1u << 31, // EBX: F DQ IFMA PF ER CD BW VL
	1u << 1 | 1u << 6 | 1u << 11 | 1u << 12 | 1u << 14,                                  // ECX: VBMI VBMI2 VNNI BITALG VPOPCNTDQ
	1u << 2 | 1u << 3 | 1u << 8 | 1u << 22 | 1u << 23 | 1u << 24 | 1u << 25,              // EDX: 4VNNIW 4FMAPS VP2INTERSECT AMX-BF16 FP16 AMX-TILE AMX-INT8
};
static const unsigned later = 1u << 4 | 1u << 5 | 1u << 21 | 1u << 23; // leaf 7.1 EAX: AVX-VNNI AVX512-BF16 AMX-FP16 AVX-IFMA

static void fault(int signal, siginfo_t *info, void *context) {
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
	const unsigned char *code = (const unsigned char *)r[REG_RIP];
	if (code[0] != 0x0f || code[1] != 0xa2) {
		before.sa_sigaction(signal, info, context);
		return;
	}
	unsigned leaf = r[REG_RAX], sub = r[REG_RCX], a, b, c, d;
	syscall(SYS_arch_prctl, ARCH_SET_CPUID, 1);
	__asm__ volatile("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(leaf), "c"(sub));
	syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0);
	if (leaf == 7 && sub == 0) {
		b &= ~avx512[0];
		c &= ~avx512[1];
		d &= ~avx512[2];
	} else if (leaf == 7 && sub == 1) {
		a &= ~later;
	}
	r[REG_RAX] = a, r[REG_RBX] = b, r[REG_RCX] = c, r[REG_RDX] = d, r[REG_RIP] += 2;
}

int bench_hide_avx512(void) {
	struct sigaction s;
	memset(&s, 0, sizeof s);
	s.sa_sigaction = fault;
	s.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_NODEFER;
	if (sigaction(SIGSEGV, &s, &before))
		return -1;
	return syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0) ? -1 : 0;
}

int bench_shows_avx512(void) {
	unsigned a = 7, b, c = 0, d;
	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return b >> 16 & 1;
}
