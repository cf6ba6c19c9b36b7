// Arithmetic of mixed precision of sm_100. nvcc -ptx -arch=sm_100
#include <cstdint>
#define PUT(v) out[n * k++ + i] = (v)
#define MIXED2(op) ({ float r; asm(op " %0, %1, %2;" : "=f"(r) : "h"((uint16_t)x), "f"(__uint_as_float(z))); __float_as_uint(r); })
#define MIXED3(op) ({ float r; asm(op " %0, %1, %2, %3;" : "=f"(r) : "h"((uint16_t)x), "h"((uint16_t)y), "f"(__uint_as_float(z))); __float_as_uint(r); })
extern "C" __global__ void mixed(const uint32_t *a, const uint32_t *b, const uint32_t *c, uint32_t *out) {
  int n = gridDim.x * blockDim.x, i = blockIdx.x * blockDim.x + threadIdx.x, k = 0;
  uint32_t x = a[i], y = b[i], z = c[i];
  PUT(MIXED2("add.rn.f32.f16")); PUT(MIXED2("sub.rz.f32.f16")); PUT(MIXED2("add.f32.bf16")); PUT(MIXED2("sub.sat.f32.bf16"));
  PUT(MIXED3("fma.rn.f32.f16")); PUT(MIXED3("fma.rp.f32.bf16")); PUT(MIXED3("fma.rn.sat.f32.f16"));
}
