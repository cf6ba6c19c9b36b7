// mma.sp. Fragments as in tensor.cu; e holds the metadata register of the 32 lanes.
#include <cstdint>
#define L (threadIdx.x)
#define A(r) a[(r) * 32 + L]
#define B(r) b[(r) * 32 + L]
#define C(r) c[(r) * 32 + L]
#define F(r) __uint_as_float(C(r))
#define E e[L]
#define ARGS const uint32_t *a, const uint32_t *b, const uint32_t *c, const uint32_t *e, uint32_t *out
#define PUT(n) for (int j = 0; j < n; ++j) out[j * 32 + L] = d[j]
#define PUTF for (int j = 0; j < 4; ++j) out[j * 32 + L] = __float_as_uint(d[j])
#define SHORT(name, op, T, R, X, SELECTOR, STORE) extern "C" __global__ void name(ARGS) { T d[4]; \
  asm volatile(op " {%0,%1,%2,%3},{%4,%5},{%6,%7},{%8,%9,%10,%11},%12," SELECTOR ";" : "=" R(d[0]), "=" R(d[1]), "=" R(d[2]), "=" R(d[3]) \
  : "r"(A(0)), "r"(A(1)), "r"(B(0)), "r"(B(1)), R(X(0)), R(X(1)), R(X(2)), R(X(3)), "r"(E)); STORE; }
#define LONG(name, op, T, R, X, SELECTOR, STORE) extern "C" __global__ void name(ARGS) { T d[4]; \
  asm volatile(op " {%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9,%10,%11},{%12,%13,%14,%15},%16," SELECTOR ";" : "=" R(d[0]), "=" R(d[1]), "=" R(d[2]), "=" R(d[3]) \
  : "r"(A(0)), "r"(A(1)), "r"(A(2)), "r"(A(3)), "r"(B(0)), "r"(B(1)), "r"(B(2)), "r"(B(3)), R(X(0)), R(X(1)), R(X(2)), R(X(3)), "r"(E)); STORE; }
#define SP "mma.sp::ordered_metadata.sync.aligned."
SHORT(sp_f16_k16, SP "m16n8k16.row.col.f32.f16.f16.f32", float, "f", F, "2", PUTF)
LONG(sp_f16_k32, SP "m16n8k32.row.col.f32.f16.f16.f32", float, "f", F, "1", PUTF)
SHORT(sp_bf16_k16, "mma.sp.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32", float, "f", F, "3", PUTF)
LONG(sp_bf16_k32, SP "m16n8k32.row.col.f32.bf16.bf16.f32", float, "f", F, "0", PUTF)
SHORT(sp_tf32_k8, SP "m16n8k8.row.col.f32.tf32.tf32.f32", float, "f", F, "1", PUTF)
LONG(sp_tf32_k16, "mma.sp.sync.aligned.m16n8k16.row.col.f32.tf32.tf32.f32", float, "f", F, "1", PUTF)
SHORT(sp_s8_k32, SP "m16n8k32.row.col.s32.s8.s8.s32", uint32_t, "r", C, "1", PUT(4))
LONG(sp_u8s8_k64, SP "m16n8k64.row.col.s32.u8.s8.s32", uint32_t, "r", C, "0", PUT(4))
SHORT(sp_s4_k64, "mma.sp.sync.aligned.m16n8k64.row.col.s32.s4.s4.s32", uint32_t, "r", C, "1", PUT(4))
LONG(sp_u4_k128, SP "m16n8k128.row.col.satfinite.s32.u4.u4.s32", uint32_t, "r", C, "0", PUT(4))
extern "C" __global__ void sp_f16_acc16(ARGS) { uint32_t d[2];
  asm volatile(SP "m16n8k32.row.col.f16.f16.f16.f16 {%0,%1},{%2,%3,%4,%5},{%6,%7,%8,%9},{%10,%11},%12,0;" : "=r"(d[0]), "=r"(d[1])
  : "r"(A(0)), "r"(A(1)), "r"(A(2)), "r"(A(3)), "r"(B(0)), "r"(B(1)), "r"(B(2)), "r"(B(3)), "r"(C(0)), "r"(C(1)), "r"(E)); PUT(2); }
