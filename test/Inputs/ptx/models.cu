// Whole kernels of low-bit models.
#include <cstdint>
#include <cuda_fp16.h>
// y[row] = sum over k of w[row][k] * x[k], int8, one warp a row, 16 bytes a lane.
extern "C" __global__ void gemv_int8(const int4 *w, const int4 *x, int *y, int words, int rows) {
  int row = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32, lane = threadIdx.x & 31; if (row >= rows) return;
  int sum = 0;
  for (int j = lane; j < words; j += 32) { int4 p = w[(size_t)row * words + j], q = x[j];
    sum = __dp4a(p.x, q.x, sum); sum = __dp4a(p.y, q.y, sum); sum = __dp4a(p.z, q.z, sum); sum = __dp4a(p.w, q.w, sum); }
  for (int d = 16; d; d >>= 1) sum += __shfl_xor_sync(0xffffffffu, sum, d);
  if (lane == 0) y[row] = sum;
}
// Codes of two bits, value = code - 1, scale a group of 32; activations int8.
extern "C" __global__ void gemv_ternary(const uint2 *w, const int *x, const float *scales, float *y, int groups, int rows) {
  int row = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32, lane = threadIdx.x & 31; if (row >= rows) return;
  float sum = 0;
  for (int g = lane; g < groups; g += 32) {
    uint2 p = w[row * groups + g]; int s = 0, t = 0;
    for (int j = 0; j < 4; ++j) { int q0 = x[g * 8 + j], q1 = x[g * 8 + 4 + j];
      s = __dp4a((int)((p.x >> (2 * j)) & 0x03030303), q0, s); s = __dp4a((int)((p.y >> (2 * j)) & 0x03030303), q1, s); t = __dp4a(0x01010101, q0, t); t = __dp4a(0x01010101, q1, t); }
    sum = fmaf((float)(s - t), scales[row * groups + g], sum); }
  for (int d = 16; d; d >>= 1) sum += __shfl_xor_sync(0xffffffffu, sum, d);
  if (lane == 0) y[row] = sum;
}
// C[64 x 64] tiles of A[M x K] * B[N x K]^T, int8 mma, cp.async double buffer, xor swizzle, ldmatrix.
extern "C" __global__ void __launch_bounds__(128) gemm_int8(const int8_t *A, const int8_t *B, int *C, int N, int K) {
  __shared__ __align__(128) int8_t sa[2][64 * 64], sb[2][64 * 64];
  int t = threadIdx.x, warp = t / 32, lane = t & 31, m0 = blockIdx.y * 64, n0 = blockIdx.x * 64; int acc[8][4] = {};
  auto load = [&](int buf, int k0) { for (int j = 0; j < 2; ++j) { int r = (t + j * 128) / 4, c = (t + j * 128) & 3; int at = r * 64 + ((c ^ ((r >> 1) & 3)) * 16);
      asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" :: "r"((uint32_t)__cvta_generic_to_shared(&sa[buf][at])), "l"(A + (size_t)(m0 + r) * K + k0 + c * 16));
      asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" :: "r"((uint32_t)__cvta_generic_to_shared(&sb[buf][at])), "l"(B + (size_t)(n0 + r) * K + k0 + c * 16)); }
    asm volatile("cp.async.commit_group;"); };
  load(0, 0);
  for (int k0 = 0, buf = 0; k0 < K; k0 += 64, buf ^= 1) {
    if (k0 + 64 < K) { load(buf ^ 1, k0 + 64); asm volatile("cp.async.wait_group 1;" ::: "memory"); } else asm volatile("cp.async.wait_group 0;" ::: "memory");
    __syncthreads();
    for (int kk = 0; kk < 2; ++kk) { uint32_t a[4]; { int r = warp * 16 + (lane & 15), c = kk * 2 + (lane >> 4);
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];" : "=r"(a[0]), "=r"(a[1]), "=r"(a[2]), "=r"(a[3]) : "r"((uint32_t)__cvta_generic_to_shared(&sa[buf][r * 64 + ((c ^ ((r >> 1) & 3)) * 16)])) : "memory"); }
      for (int j = 0; j < 8; ++j) { uint32_t b[2]; int r = j * 8 + (lane & 7), c = kk * 2 + ((lane >> 3) & 1);
        asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1}, [%2];" : "=r"(b[0]), "=r"(b[1]) : "r"((uint32_t)__cvta_generic_to_shared(&sb[buf][r * 64 + ((c ^ ((r >> 1) & 3)) * 16)])) : "memory");
        asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};" : "+r"(acc[j][0]), "+r"(acc[j][1]), "+r"(acc[j][2]), "+r"(acc[j][3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1])); } }
    __syncthreads(); }
  for (int j = 0; j < 8; ++j) for (int v = 0; v < 4; ++v) C[(size_t)(m0 + warp * 16 + lane / 4 + 8 * (v / 2)) * N + n0 + j * 8 + 2 * (lane & 3) + (v & 1)] = acc[j][v];
}
extern "C" __global__ void rms_norm(const float *x, const float *w, float *y, int n, float eps) {
  __shared__ float part[32]; int t = threadIdx.x; float s = 0; x += (size_t)blockIdx.x * n; y += (size_t)blockIdx.x * n;
  for (int j = t; j < n; j += blockDim.x) s = fmaf(x[j], x[j], s);
  for (int d = 16; d; d >>= 1) s += __shfl_xor_sync(0xffffffffu, s, d);
  if ((t & 31) == 0) part[t / 32] = s;
  __syncthreads();
  s = 0; for (int j = 0; j < (int)blockDim.x / 32; ++j) s += part[j];
  float r = __frcp_rn(__fsqrt_rn(__fadd_rn(__fdiv_rn(s, (float)n), eps)));
  for (int j = t; j < n; j += blockDim.x) y[j] = __fmul_rn(__fmul_rn(x[j], r), w[j]);
}
extern "C" __global__ void quantize(const float *x, int8_t *q, float *scale, int n) {
  __shared__ float part[32]; int t = threadIdx.x; float m = 0; x += (size_t)blockIdx.x * n;
  for (int j = t; j < n; j += blockDim.x) m = fmaxf(m, fabsf(x[j]));
  for (int d = 16; d; d >>= 1) m = fmaxf(m, __shfl_xor_sync(0xffffffffu, m, d));
  if ((t & 31) == 0) part[t / 32] = m;
  __syncthreads();
  for (int j = 0; j < (int)blockDim.x / 32; ++j) m = fmaxf(m, part[j]);
  float c = __fdiv_rn(127.0f, m);
  for (int j = t; j < n; j += blockDim.x) q[(size_t)blockIdx.x * n + j] = (int8_t)__float2int_rn(__fmul_rn(x[j], c));
  if (t == 0) scale[blockIdx.x] = __fdiv_rn(m, 127.0f);
}
extern "C" __global__ void vec_add(const float *a, const float *b, float *c, int n) { int i = blockIdx.x * blockDim.x + threadIdx.x; if (i < n) c[i] = a[i] + b[i]; }
