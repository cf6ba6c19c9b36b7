// Exchange in a warp, divergence, barriers, memory of all kinds.
#include <cstdint>
#include <cstdio>
#define ARGS const uint32_t *a, const uint32_t *b, const uint32_t *c, uint32_t *out
#define HEAD int n = gridDim.x * blockDim.x, i = blockIdx.x * blockDim.x + threadIdx.x, k = 0; \
  uint32_t x = a[i], y = b[i], z = c[i]; (void)x; (void)y; (void)z;
#define PUT(v) out[n * k++ + i] = (v)
#define FULL 0xffffffffu

extern "C" __global__ void shuffles(ARGS) {
  HEAD
  PUT(__shfl_sync(FULL, x, y & 31)); PUT(__shfl_up_sync(FULL, x, 3)); PUT(__shfl_down_sync(FULL, x, 5)); PUT(__shfl_xor_sync(FULL, x, 9));
  PUT(__shfl_sync(FULL, x, y & 31, 8)); PUT(__shfl_up_sync(FULL, x, 3, 16)); PUT(__shfl_down_sync(FULL, x, 2, 4)); PUT(__shfl_xor_sync(FULL, x, 5, 8));
  uint32_t r, p; asm volatile("{ .reg .pred q; shfl.sync.down.b32 %0|q, %2, 7, 31, -1; selp.u32 %1, 1, 0, q; }" : "=r"(r), "=r"(p) : "r"(x)); PUT(r); PUT(p);
}
extern "C" __global__ void votes(ARGS) {
  HEAD
  PUT(__ballot_sync(FULL, x & 1)); PUT(__any_sync(FULL, x == y)); PUT(__all_sync(FULL, x >= 0)); PUT(__activemask());
  uint32_t u; asm volatile("{ .reg .pred p, q; setp.ne.u32 p, %1, 0; vote.sync.uni.pred q, p, -1; selp.u32 %0, 1, 0, q; }" : "=r"(u) : "r"(x & 2)); PUT(u);
  PUT(__match_any_sync(FULL, x & 3)); int all; PUT(__match_all_sync(FULL, z & 0, &all)); PUT(all); PUT(__match_any_sync(FULL, (unsigned long long)(y & 3)));
  PUT(__reduce_add_sync(FULL, x)); PUT(__reduce_min_sync(FULL, (int)x)); PUT(__reduce_max_sync(FULL, x)); PUT(__reduce_and_sync(FULL, x)); PUT(__reduce_or_sync(FULL, x)); PUT(__reduce_xor_sync(FULL, x));
  uint32_t half = threadIdx.x & 16 ? 0xffff0000u : 0xffffu, r = 0;
  if (threadIdx.x & 16) r = __reduce_add_sync(half, x); else r = __reduce_add_sync(half, y);
  PUT(r);
}
extern "C" __global__ void diverge(ARGS) {
  HEAD
  uint32_t r = 0;
  for (uint32_t j = 0; j < (x & 15); ++j) { if ((y >> j) & 1) r += j * z; else r ^= z >> j; if (r == 12345) break; }
  PUT(r);
  switch (z % 11) { case 0: r = x; break; case 1: r = y + 3; break; case 2: r = x ^ y; break; case 3: r = 17; break; case 4: r = x * y; break; case 5: r -= y; break; case 6: r = ~x; break; case 7: r += 5; break; case 8: r = x / 3; break; default: r = 99; }
  PUT(r);
  if (x & 1) { if (y & 1) r = 1; else r = 2; } else { while (r > 10) r >>= 1; }
  PUT(r);
}
__device__ __noinline__ uint32_t helper(uint32_t x, uint32_t y) { if (x < y) return x * 3; return y + 7; }
__device__ __noinline__ double helper2(double v, int k) { return v * k; }
extern "C" __global__ void calls(ARGS) {
  HEAD
  uint32_t r = helper(x, y); if (r & 1) r += helper(y, z); PUT(r);
  PUT((uint32_t)(int)helper2(x & 0xffff, 3));
}
extern "C" __global__ void local_arrays(ARGS) {
  HEAD
  uint32_t t[16];
  for (int j = 0; j < 16; ++j) t[j] = x * j;
  for (int j = 0; j < 16; ++j) t[(j * (y & 7) + 1) & 15] += t[z & 15];
  uint32_t s = 0; for (int j = 0; j < 16; ++j) s = s * 31 + t[(j + y) & 15];
  PUT(s);
}
__constant__ uint32_t table[8] = {1, 4, 9, 16, 25, 36, 49, 64};
__device__ uint32_t counters[4];
__device__ uint32_t *pointers[2] = {counters, counters + 2};
extern "C" __global__ void variables(ARGS) {
  HEAD
  PUT(table[x & 7]); PUT(table[3]);
  atomicAdd(pointers[x & 1], 1); atomicAdd(&counters[1], x & 3);
}
extern "C" __global__ void reduce_block(const uint32_t *a, uint32_t *out) {
  __shared__ uint32_t s[256];
  int t = threadIdx.x; s[t] = a[blockIdx.x * 256 + t];
  __syncthreads();
  for (int d = 128; d > 0; d >>= 1) { if (t < d) s[t] += s[t + d]; __syncthreads(); }
  if (t == 0) out[blockIdx.x] = s[0];
}
extern "C" __global__ void reduce_warp_shared(const uint32_t *a, uint32_t *out) {
  __shared__ uint32_t s[256];
  int t = threadIdx.x, w = t & ~31, l = t & 31; s[t] = a[blockIdx.x * 256 + t];
  __syncwarp();
  for (int d = 16; d > 0; d >>= 1) { uint32_t v = l < d ? s[w + l + d] : 0; __syncwarp(); s[t] += v; __syncwarp(); }
  if (l == 0) out[blockIdx.x * 8 + t / 32] = s[w];
}
extern "C" __global__ void transpose(const float *a, float *out, int w, int h) {
  __shared__ float tile[32][33];
  int x = blockIdx.x * 32 + threadIdx.x;
  for (int j = threadIdx.y; j < 32; j += 8) { int y = blockIdx.y * 32 + j; if (x < w && y < h) tile[j][threadIdx.x] = a[y * w + x]; }
  __syncthreads();
  int ox = blockIdx.y * 32 + threadIdx.x;
  for (int j = threadIdx.y; j < 32; j += 8) { int oy = blockIdx.x * 32 + j; if (ox < h && oy < w) out[oy * h + ox] = tile[threadIdx.x][j]; }
}
extern "C" __global__ void dynamic_reverse(const uint32_t *a, uint32_t *out) {
  extern __shared__ uint32_t d[];
  d[threadIdx.x] = a[blockIdx.x * blockDim.x + threadIdx.x];
  __syncthreads();
  out[blockIdx.x * blockDim.x + threadIdx.x] = d[blockDim.x - 1 - threadIdx.x];
}
extern "C" __global__ void vectors(const uint4 *a, const uint2 *b, uint4 *out, uint8_t *bytes, const short *s, float *f) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  uint4 v = a[i]; uint2 w = __ldg(&b[i]); v.x += w.x; v.w ^= w.y; out[i] = v;
  bytes[i] = (uint8_t)(v.x >> 8); f[i] = (float)s[i] * 0.5f + (float)((const signed char *)s)[i];
}
extern "C" __global__ void atomics(ARGS) { // out: 64 cells, then old values at 64 + i
  int i = blockIdx.x * blockDim.x + threadIdx.x; uint32_t x = a[i];
  atomicAdd(&out[0], x); atomicMin(&out[1], x); atomicMax((int *)&out[2], (int)x); atomicAnd(&out[3], x); atomicOr(&out[4], x); atomicXor(&out[5], x);
  atomicInc(&out[6], 100); atomicDec(&out[7], 50); atomicAdd((unsigned long long *)&out[8], (unsigned long long)x << 20);
  atomicAdd((float *)&out[10], (float)(x & 255)); atomicAdd((double *)&out[12], (double)(x & 255)); atomicMax((unsigned long long *)&out[14], (unsigned long long)x << 8);
  out[64 + i] = atomicExch(&out[16 + (i & 15)], x) >= 0;
  uint32_t old = *(volatile uint32_t *)&out[32], assumed; do { assumed = old; old = atomicCAS(&out[32], assumed, assumed + (x & 7)); } while (old != assumed);
  __shared__ uint32_t s[2]; if (threadIdx.x < 2) s[threadIdx.x] = 0; __syncthreads();
  atomicAdd(&s[x & 1], 1); asm volatile("red.shared.max.u32 [%0], %1;" :: "l"(__cvta_generic_to_shared(&s[1])), "r"(0u)); __syncthreads();
  if (threadIdx.x == 0) { atomicAdd(&out[33], s[0]); atomicAdd(&out[34], s[1]); }
}
extern "C" __global__ void half_atomics(ARGS) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  asm volatile("red.global.add.noftz.f16x2 [%0], %1;" :: "l"(out), "r"(0x3c004000u)); // {2, 1}
  uint32_t old; asm volatile("atom.global.add.noftz.f16x2 %0, [%1], %2;" : "=r"(old) : "l"(out + 1), "r"(0x3c003c00u)); (void)i;
}
extern "C" __global__ void barriers(ARGS) {
  HEAD
  __shared__ uint32_t s[128];
  int t = threadIdx.x, side = t / 64;
  s[t] = x;
  asm volatile("bar.sync %0, 64;" :: "r"(1 + side) : "memory");
  PUT(s[side * 64 + 63 - (t & 63)]);
  PUT(__syncthreads_count(x & 1)); PUT(__syncthreads_and(x != 0)); PUT(__syncthreads_or(x == y));
  if (t < 64) { s[t] = y; asm volatile("bar.arrive 3, 128;" ::: "memory"); __threadfence_block(); PUT(1); }
  else { asm volatile("bar.sync 3, 128;" ::: "memory"); PUT(s[t - 64]); }
}
extern "C" __global__ void spin_lock(uint32_t *lock, uint32_t *value) {
  for (int turn = 0; turn < 1; ++turn) {
    bool done = false;
    while (!done) {
      uint32_t old; asm volatile("atom.acquire.gpu.global.cas.b32 %0, [%1], 0, 1;" : "=r"(old) : "l"(lock) : "memory");
      if (old == 0) { uint32_t v; asm volatile("ld.relaxed.gpu.global.u32 %0, [%1];" : "=r"(v) : "l"(value) : "memory");
        asm volatile("st.relaxed.gpu.global.u32 [%0], %1;" :: "l"(value), "r"(v + 1) : "memory");
        asm volatile("st.release.gpu.global.u32 [%0], 0;" :: "l"(lock) : "memory"); done = true; }
    }
  }
}
extern "C" __global__ void grid_barrier(uint32_t *count, const uint32_t *a, uint32_t *mid, uint32_t *out) {
  int i = blockIdx.x * blockDim.x + threadIdx.x, n = gridDim.x * blockDim.x;
  mid[i] = a[i] * 2;
  __syncthreads();
  if (threadIdx.x == 0) { __threadfence(); atomicAdd(count, 1); while (*(volatile uint32_t *)count < gridDim.x) ; __threadfence(); }
  __syncthreads();
  out[i] = mid[n - 1 - i] + 1;
}
extern "C" __global__ void generic_addresses(ARGS) {
  HEAD
  __shared__ uint32_t s[64]; uint32_t l[2] = {x, y};
  s[threadIdx.x] = z; __syncthreads();
  const uint32_t *p = (x & 1) ? &s[(threadIdx.x + 1) & 63] : (y & 1) ? &l[z & 1] : &a[i ^ 1];
  PUT(*p); PUT(__isShared(p) | __isGlobal(p) << 1 | __isLocal(p) << 2);
}
extern "C" __global__ void prints(int v, double d) {
  if (threadIdx.x == 1) printf("v=%d d=%.3f s=%s u=%llu x=%08x%%\n", v, d, "text", 12345678901ull, 0xabcu);
}
extern "C" __global__ void specials(uint32_t *out) {
  uint32_t r[12]; int id = ((blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x) * (blockDim.x * blockDim.y * blockDim.z) + (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  asm("mov.u32 %0, %%laneid;" : "=r"(r[0])); asm("mov.u32 %0, %%warpid;" : "=r"(r[1])); asm("mov.u32 %0, %%lanemask_lt;" : "=r"(r[2])); asm("mov.u32 %0, %%lanemask_ge;" : "=r"(r[3]));
  asm("mov.u32 %0, %%nctaid.y;" : "=r"(r[4])); asm("mov.u32 %0, %%dynamic_smem_size;" : "=r"(r[5])); asm("mov.u32 %0, %%ctaid.z;" : "=r"(r[6])); asm("mov.u32 %0, %%tid.y;" : "=r"(r[7]));
  uint64_t c0, c1; asm volatile("mov.u64 %0, %%clock64;" : "=l"(c0)); __nanosleep(10); asm volatile("mov.u64 %0, %%clock64;" : "=l"(c1)); r[8] = c1 > c0;
  for (int j = 0; j < 9; ++j) out[id * 9 + j] = r[j];
}
// Opcodes that compilers seldom write: an indexed branch, the end of some lanes, hints, breakpoints.
extern "C" __global__ void seldom(ARGS) {
  HEAD
  uint32_t r = 0, t;
  asm volatile("prefetch.global.L2 [%0]; prefetchu.L1 [%0]; pmevent 3;" :: "l"(b + i));
  asm volatile("ldu.global.u32 %0, [%1];" : "=r"(t) : "l"(a + i));
  asm volatile("{ ts: .branchtargets B0, B1, B2; .reg .b32 v; brx.idx %1, ts; B0: add.u32 %0, %2, 1; bra END; B1: mul.lo.u32 %0, %2, 3; bra END; B2: not.b32 %0, %2; END: }" : "=&r"(r) : "r"(y % 3), "r"(t));
  asm volatile("fence.acq_rel.gpu; barrier.sync 1;" ::: "memory");
  PUT(r);
  if (z == 0x12345678) asm volatile("brkpt;");
  PUT(0u); // lanes with an odd x end here
  if (x & 1) asm volatile("exit;");
  out[n + i] = 1;
}
extern "C" __global__ void traps(const uint32_t *a, uint32_t *out) { if (a[threadIdx.x] == 666) asm volatile("trap;"); out[threadIdx.x] = a[threadIdx.x]; }
