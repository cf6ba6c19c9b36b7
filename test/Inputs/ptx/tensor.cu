// Matrix and asynchronous instructions. The mma kernels take fragments as they
// lie in registers: a, b, c hold 32 lanes of each register one after another.
#include <cstdint>
#define L (threadIdx.x)
#define A(r) a[(r) * 32 + L]
#define B(r) b[(r) * 32 + L]
#define C(r) c[(r) * 32 + L]
#define ARGS const uint32_t *a, const uint32_t *b, const uint32_t *c, uint32_t *out
#define D2(text, nb, ...) asm volatile(text : "=r"(d[0]), "=r"(d[1]) : __VA_ARGS__)
#define PUT(n) for (int j = 0; j < n; ++j) out[j * 32 + L] = d[j]
#define MMA422(name, op) extern "C" __global__ void name(ARGS) { uint32_t d[4]; \
  asm volatile(op " {%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%10,%11,%12,%13};" : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3]) \
  : "r"(A(0)), "r"(A(1)), "r"(A(2)), "r"(A(3)), "r"(B(0)), "r"(B(1)), "r"(C(0)), "r"(C(1)), "r"(C(2)), "r"(C(3))); PUT(4); }
#define MMA422F(name, op) extern "C" __global__ void name(ARGS) { float d[4]; \
  asm volatile(op " {%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%10,%11,%12,%13};" : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3]) \
  : "r"(A(0)), "r"(A(1)), "r"(A(2)), "r"(A(3)), "r"(B(0)), "r"(B(1)), "f"(__uint_as_float(C(0))), "f"(__uint_as_float(C(1))), "f"(__uint_as_float(C(2))), "f"(__uint_as_float(C(3)))); \
  for (int j = 0; j < 4; ++j) out[j * 32 + L] = __float_as_uint(d[j]); }
#define MMA211(name, op) extern "C" __global__ void name(ARGS) { uint32_t d[4]; \
  asm volatile(op " {%0,%1,%2,%3},{%4,%5},{%6},{%7,%8,%9,%10};" : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3]) \
  : "r"(A(0)), "r"(A(1)), "r"(B(0)), "r"(C(0)), "r"(C(1)), "r"(C(2)), "r"(C(3))); PUT(4); }
#define MMA211F(name, op) extern "C" __global__ void name(ARGS) { float d[4]; \
  asm volatile(op " {%0,%1,%2,%3},{%4,%5},{%6},{%7,%8,%9,%10};" : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3]) \
  : "r"(A(0)), "r"(A(1)), "r"(B(0)), "f"(__uint_as_float(C(0))), "f"(__uint_as_float(C(1))), "f"(__uint_as_float(C(2))), "f"(__uint_as_float(C(3)))); \
  for (int j = 0; j < 4; ++j) out[j * 32 + L] = __float_as_uint(d[j]); }
#define MMA111(name, op) extern "C" __global__ void name(ARGS) { uint32_t d[2]; \
  asm volatile(op " {%0,%1},{%2},{%3},{%4,%5};" : "=r"(d[0]), "=r"(d[1]) : "r"(A(0)), "r"(B(0)), "r"(C(0)), "r"(C(1))); PUT(2); }
MMA422(mma_s8_k32, "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32")
MMA422(mma_u8s8_k32, "mma.sync.aligned.m16n8k32.row.col.satfinite.s32.u8.s8.s32")
MMA211(mma_s8_k16, "mma.sync.aligned.m16n8k16.row.col.s32.s8.s8.s32")
MMA111(mma_s8_m8, "mma.sync.aligned.m8n8k16.row.col.s32.s8.u8.s32")
MMA422(mma_s4_k64, "mma.sync.aligned.m16n8k64.row.col.s32.s4.s4.s32")
MMA211(mma_u4_k32, "mma.sync.aligned.m16n8k32.row.col.s32.u4.u4.s32")
MMA422(mma_b1_and, "mma.sync.aligned.m16n8k256.row.col.s32.b1.b1.s32.and.popc")
MMA211(mma_b1_xor, "mma.sync.aligned.m16n8k128.row.col.s32.b1.b1.s32.xor.popc")
MMA111(mma_b1_m8, "mma.sync.aligned.m8n8k128.row.col.s32.b1.b1.s32.xor.popc")
MMA422F(mma_f16_k16, "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32")
MMA211F(mma_f16_k8, "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32")
MMA422F(mma_bf16_k16, "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32")
MMA422F(mma_tf32_k8, "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32")
extern "C" __global__ void mma_f16_acc16(ARGS) { uint32_t d[2];
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f16 {%0,%1},{%2,%3,%4,%5},{%6,%7},{%8,%9};" : "=r"(d[0]), "=r"(d[1])
  : "r"(A(0)), "r"(A(1)), "r"(A(2)), "r"(A(3)), "r"(B(0)), "r"(B(1)), "r"(C(0)), "r"(C(1))); PUT(2); }
extern "C" __global__ void mma_f64(const double *a, const double *b, const double *c, double *out) { double d0, d1;
  asm volatile("mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {%0,%1},{%2},{%3},{%4,%5};" : "=d"(d0), "=d"(d1) : "d"(a[L]), "d"(b[L]), "d"(c[L]), "d"(c[32 + L])); out[L] = d0; out[32 + L] = d1; }
extern "C" __global__ void wmma_bits(ARGS) { uint32_t x, y, s0, s1, d0, d1;
  asm volatile("wmma.load.a.sync.aligned.row.m8n8k128.global.b1 {%0}, [%1], 128;" : "=r"(x) : "l"(a)); asm volatile("wmma.load.b.sync.aligned.col.m8n8k128.global.b1 {%0}, [%1], 128;" : "=r"(y) : "l"(b));
  asm volatile("wmma.load.c.sync.aligned.row.m8n8k128.global.s32 {%0,%1}, [%2], 8;" : "=r"(s0), "=r"(s1) : "l"(c));
  asm volatile("wmma.mma.xor.popc.sync.aligned.row.col.m8n8k128.s32.b1.b1.s32 {%0,%1},{%2},{%3},{%4,%5};" : "=r"(d0), "=r"(d1) : "r"(x), "r"(y), "r"(s0), "r"(s1));
  asm volatile("wmma.store.d.sync.aligned.row.m8n8k128.global.s32 [%0], {%1,%2}, 8;" :: "l"(out), "r"(d0), "r"(d1)); }
__device__ inline uint32_t shared(const void *p) { return (uint32_t)__cvta_generic_to_shared(p); }
extern "C" __global__ void matrix_moves(const uint16_t *a, uint32_t *out) { // a: 32 rows of 8
  __shared__ __align__(16) uint16_t s[256];
  for (int j = 0; j < 8; ++j) s[j * 32 + L] = a[j * 32 + L];
  __syncwarp();
  uint32_t d[8], at = shared(s + 8 * L), t;
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];" : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3]) : "r"(at));
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];" : "=r"(d[4]), "=r"(d[5]) : "r"(at));
  asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%1];" : "=r"(d[6]) : "r"(at));
  asm volatile("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(t) : "r"(d[0])); d[7] = t; PUT(8); }
extern "C" __global__ void copies(const uint4 *a, uint4 *out, int n) { // 64 threads, 4 tiles, zero fill behind n
  __shared__ uint4 s[4][64];
  for (int j = 0; j < 4; ++j) { int at = j * 64 + L, bytes = at < n ? 16 : 0;
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" :: "r"(shared(&s[j][L])), "l"(a + (bytes ? at : 0)), "r"(bytes)); asm volatile("cp.async.commit_group;"); }
  asm volatile("cp.async.wait_group 2;"); __syncthreads();
  out[L] = s[0][63 - L]; out[64 + L] = s[1][63 - L];
  asm volatile("cp.async.wait_all;"); __syncthreads();
  out[128 + L] = s[2][63 - L]; out[192 + L] = s[3][63 - L]; }
extern "C" __global__ void copies_small(const uint32_t *a, uint32_t *out) {
  __shared__ __align__(16) uint32_t s[256];
  uint64_t policy; asm volatile("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(policy));
  asm volatile("cp.async.ca.shared.global.L2::cache_hint [%0], [%1], 4, %2;" :: "r"(shared(s + L)), "l"(a + L), "l"(policy));
  asm volatile("cp.async.ca.shared.global.L2::128B [%0], [%1], 8;" :: "r"(shared(s + 128 + 2 * L)), "l"(a + 128 + 2 * L));
  asm volatile("cp.async.commit_group; cp.async.wait_group 0;"); __syncthreads();
  out[L] = s[63 - L]; out[64 + L] = s[128 + 2 * L] + s[129 + 2 * L]; }
extern "C" __global__ void mbarriers(const uint32_t *a, uint32_t *out) { // 64 threads
  __shared__ uint64_t bar; __shared__ uint32_t s[64];
  if (L == 0) asm volatile("mbarrier.init.shared.b64 [%0], 64;" :: "r"(shared(&bar)));
  __syncthreads();
  uint32_t sum = 0;
  for (int phase = 0; phase < 4; ++phase) {
    s[L] = a[L] + phase; uint64_t state; uint32_t done;
    asm volatile("mbarrier.arrive.shared.b64 %0, [%1];" : "=l"(state) : "r"(shared(&bar)) : "memory");
    do asm volatile("{ .reg .pred p; mbarrier.test_wait.shared.b64 p, [%1], %2; selp.u32 %0, 1, 0, p; }" : "=r"(done) : "r"(shared(&bar)), "l"(state) : "memory"); while (!done);
    sum = sum * 3 + s[63 - L]; __syncthreads(); }
  out[L] = sum; }
