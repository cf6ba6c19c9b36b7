// What needs sm_90.
#include <cstdint>
#define ARGS const uint32_t *a, const uint32_t *b, const uint32_t *c, uint32_t *out
#define HEAD int n = gridDim.x * blockDim.x, i = blockIdx.x * blockDim.x + threadIdx.x, k = 0; \
  uint32_t x = a[i], y = b[i], z = c[i]; float f = __uint_as_float(x), g = __uint_as_float(y); (void)z; (void)f; (void)g;
#define PUT(v) out[n * k++ + i] = (v)
#define R2(text) ({ uint32_t r; asm(text " %0, %1, %2;" : "=r"(r) : "r"(x), "r"(y)); r; })
extern "C" __global__ void bfloat_sums(ARGS) { HEAD PUT(R2("add.rn.bf16x2")); PUT(R2("sub.rn.bf16x2")); PUT(R2("mul.rn.bf16x2")); }
extern "C" __global__ void fp8(ARGS) {
  HEAD
  unsigned short r; uint32_t w;
  asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(r) : "f"(f), "f"(g)); PUT(r);
  asm("cvt.rn.satfinite.e5m2x2.f32 %0, %1, %2;" : "=h"(r) : "f"(f), "f"(g)); PUT(r);
  asm("cvt.rn.f16x2.e4m3x2 %0, %1;" : "=r"(w) : "h"((unsigned short)x)); PUT(w);
  asm("cvt.rn.f16x2.e5m2x2 %0, %1;" : "=r"(w) : "h"((unsigned short)x)); PUT(w);
  asm("cvt.rn.satfinite.e4m3x2.f16x2 %0, %1;" : "=h"(r) : "r"(x)); PUT(r);
  asm("cvt.rn.relu.tf32.f32 %0, %1;" : "=r"(w) : "f"(f)); PUT(w);
}
extern "C" __global__ void packed_short(ARGS) { HEAD PUT(R2("add.u16x2")); PUT(R2("min.s16x2")); PUT(R2("max.u16x2")); }
extern "C" __global__ void stores_matrix(const uint32_t *a, uint16_t *out) {
  __shared__ __align__(16) uint16_t s[256]; uint32_t at = (uint32_t)__cvta_generic_to_shared(s + 8 * threadIdx.x);
  asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1,%2,%3,%4};" :: "r"(at), "r"(a[threadIdx.x]), "r"(a[32 + threadIdx.x]), "r"(a[64 + threadIdx.x]), "r"(a[96 + threadIdx.x]) : "memory");
  __syncwarp(); for (int j = 0; j < 8; ++j) out[j * 32 + threadIdx.x] = s[j * 32 + threadIdx.x];
}
extern "C" __global__ void elects(uint32_t *out) { uint32_t p; asm volatile("{ .reg .pred q; elect.sync _|q, -1; selp.u32 %0, 1, 0, q; }" : "=r"(p)); out[threadIdx.x] = p; }
extern "C" __global__ void wait_parity(const uint32_t *a, uint32_t *out) {
  __shared__ uint64_t bar; __shared__ uint32_t s[64]; uint32_t at = (uint32_t)__cvta_generic_to_shared(&bar);
  if (threadIdx.x == 0) asm volatile("mbarrier.init.shared.b64 [%0], 64;" :: "r"(at));
  __syncthreads();
  s[threadIdx.x] = a[threadIdx.x]; asm volatile("mbarrier.arrive.shared.b64 _, [%0];" :: "r"(at) : "memory");
  asm volatile("{ .reg .pred p; WAIT: mbarrier.try_wait.parity.shared.b64 p, [%0], 0; @p bra DONE; bra WAIT; DONE: }" :: "r"(at) : "memory");
  out[threadIdx.x] = s[63 - threadIdx.x];
}
