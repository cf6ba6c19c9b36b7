// Float instructions. Thread i reads a[i], b[i], c[i] (bits) and writes results
// at out[k * n + i].
#include <cstdint>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#define HEAD int n = gridDim.x * blockDim.x, i = blockIdx.x * blockDim.x + threadIdx.x, k = 0; \
  uint32_t x = a[i], y = b[i], z = c[i]; (void)x; (void)y; (void)z; \
  float f = __uint_as_float(x), g = __uint_as_float(y), h = __uint_as_float(z); (void)f; (void)g; (void)h;
#define PUT(v) out[n * k++ + i] = (v)
#define PUTF(v) PUT(__float_as_uint(v))
#define PUTD(v) do { uint64_t q_ = __double_as_longlong(v); PUT((uint32_t)q_); PUT((uint32_t)(q_ >> 32)); } while (0)
#define ARGS const uint32_t *a, const uint32_t *b, const uint32_t *c, uint32_t *out
#define F3(text) ({ float r; asm(text " %0, %1, %2, %3;" : "=f"(r) : "f"(f), "f"(g), "f"(h)); r; })
#define F2(text) ({ float r; asm(text " %0, %1, %2;" : "=f"(r) : "f"(f), "f"(g)); r; })
#define F1(text) ({ float r; asm(text " %0, %1;" : "=f"(r) : "f"(f)); r; })
#define R1(text) ({ uint32_t r; asm(text " %0, %1;" : "=r"(r) : "r"(x)); r; })
#define R2(text) ({ uint32_t r; asm(text " %0, %1, %2;" : "=r"(r) : "r"(x), "r"(y)); r; })
#define R3(text) ({ uint32_t r; asm(text " %0, %1, %2, %3;" : "=r"(r) : "r"(x), "r"(y), "r"(z)); r; })

extern "C" __global__ void f32_arith(ARGS) {
  HEAD
  PUTF(F2("add.rn.f32")); PUTF(F2("sub.rn.f32")); PUTF(F2("mul.rn.f32")); PUTF(F3("fma.rn.f32")); PUTF(F2("div.rn.f32"));
  PUTF(F1("sqrt.rn.f32")); PUTF(F1("rcp.rn.f32")); PUTF(F1("neg.f32")); PUTF(F1("abs.f32")); PUTF(F2("copysign.f32"));
  PUTF(F2("min.f32")); PUTF(F2("max.f32")); PUTF(F2("min.NaN.f32")); PUTF(F2("max.NaN.f32"));
}
extern "C" __global__ void f32_rounding(ARGS) {
  HEAD
  PUTF(F2("add.rz.f32")); PUTF(F2("add.rm.f32")); PUTF(F2("add.rp.f32")); PUTF(F2("sub.rz.f32"));
  PUTF(F2("mul.rz.f32")); PUTF(F2("mul.rm.f32")); PUTF(F2("mul.rp.f32"));
  PUTF(F3("fma.rz.f32")); PUTF(F3("fma.rm.f32")); PUTF(F3("fma.rp.f32"));
  PUTF(F2("div.rz.f32")); PUTF(F2("div.rp.f32")); PUTF(F1("sqrt.rm.f32")); PUTF(F1("rcp.rp.f32"));
}
extern "C" __global__ void f32_flush(ARGS) {
  HEAD
  PUTF(F2("add.rn.ftz.f32")); PUTF(F2("mul.rn.ftz.f32")); PUTF(F3("fma.rn.ftz.f32")); PUTF(F2("add.rn.sat.f32"));
  PUTF(F3("fma.rn.sat.f32")); PUTF(F2("min.ftz.f32")); PUTF(F1("abs.ftz.f32")); PUTF(F2("div.rn.ftz.f32"));
}
extern "C" __global__ void f64_arith(ARGS) {
  HEAD
  double d = f, e = (double)g * 1.0000000001, s = h;
  PUTD(__dadd_rn(d, e)); PUTD(__dmul_rn(d, e)); PUTD(__fma_rn(d, e, s)); PUTD(__ddiv_rn(d, e)); PUTD(__dsqrt_rn(fabs(d)));
  PUTD(__dadd_rz(d, e)); PUTD(__dmul_ru(d, e)); PUTD(fmin(d, e)); PUTD(-d); PUT(d < e); PUTF((float)e);
}
extern "C" __global__ void f32_compare(ARGS) {
  HEAD
  uint32_t r = (f == g) | (f != g) << 1 | (f < g) << 2 | (f <= g) << 3 | (f > g) << 4 | (f >= g) << 5;
  r |= (!(f < g)) << 6 | (!(f <= g)) << 7 | (!(f > g)) << 8 | (!(f >= g)) << 9 | (isnan(f) || isnan(g)) << 10;
  PUT(r);
  uint32_t t; asm("{ .reg .pred p; testp.subnormal.f32 p, %1; selp.u32 %0, 1, 0, p; testp.infinite.f32 p, %1; @p or.b32 %0, %0, 2;\n"
      "testp.notanumber.f32 p, %1; @p or.b32 %0, %0, 4; testp.normal.f32 p, %1; @p or.b32 %0, %0, 8; testp.finite.f32 p, %1; @p or.b32 %0, %0, 16; }" : "=r"(t) : "f"(f)); PUT(t);
  asm("set.equ.f32.f32 %0, %1, %2;" : "=r"(t) : "f"(f), "f"(g)); PUT(t);
  asm("{ .reg .pred p; setp.num.f32 p, %1, %2; selp.u32 %0, 1, 0, p; }" : "=r"(t) : "f"(f), "f"(g)); PUT(t);
}
extern "C" __global__ void approx(ARGS) { // a holds moderate values
  HEAD
  PUTF(F1("ex2.approx.f32")); PUTF(F1("lg2.approx.f32")); PUTF(F1("sin.approx.f32")); PUTF(F1("cos.approx.f32"));
  PUTF(F1("rsqrt.approx.f32")); PUTF(F1("rcp.approx.ftz.f32")); PUTF(F1("sqrt.approx.f32")); PUTF(F1("tanh.approx.f32")); PUTF(F2("div.approx.f32")); PUTF(F2("div.full.f32"));
}
extern "C" __global__ void half_arith(ARGS) {
  HEAD
  PUT(R2("add.rn.f16x2")); PUT(R2("sub.rn.f16x2")); PUT(R2("mul.rn.f16x2")); PUT(R3("fma.rn.f16x2")); PUT(R3("fma.rn.relu.f16x2"));
  PUT(R2("min.f16x2")); PUT(R2("max.f16x2")); PUT(R1("neg.f16x2")); PUT(R1("abs.f16x2")); PUT(R2("add.sat.f16x2"));
  unsigned short s = x, t = y, u = z, r;
  asm("fma.rn.f16 %0, %1, %2, %3;" : "=h"(r) : "h"(s), "h"(t), "h"(u)); PUT(r);
  asm("add.rn.f16 %0, %1, %2;" : "=h"(r) : "h"(s), "h"(t)); PUT(r);
}
extern "C" __global__ void bfloat_arith(ARGS) {
  HEAD
  PUT(R3("fma.rn.bf16x2")); PUT(R3("fma.rn.relu.bf16x2")); PUT(R2("min.bf16x2")); PUT(R2("max.bf16x2")); PUT(R1("neg.bf16x2")); PUT(R1("abs.bf16x2"));
}
extern "C" __global__ void convert_int(ARGS) {
  HEAD
  PUT(__float2int_rn(f)); PUT(__float2int_rz(f)); PUT(__float2int_rd(f)); PUT(__float2int_ru(f)); PUT(__float2uint_rz(f)); PUT(__float2uint_rn(f));
  long long q = __float2ll_rz(f); PUT(q); PUT(q >> 32);
  PUTF(__int2float_rn((int)x)); PUTF(__int2float_rz((int)x)); PUTF(__int2float_rd((int)x)); PUTF(__int2float_ru((int)x)); PUTF(__uint2float_rn(x)); PUTF(__uint2float_ru(x));
  uint64_t u = (uint64_t)x << 32 | y; PUTF(__ull2float_rn(u)); PUTF(__ll2float_rz((long long)u)); PUTD(__ull2double_rn(u)); PUTD(__ll2double_rd((long long)u));
  uint32_t r; asm("{ .reg .u8 t; .reg .s16 v; cvt.sat.s8.s32 %0, %1; }" : "=r"(r) : "r"(x)); PUT(r);
  asm("cvt.sat.u16.s32 %0, %1;" : "=r"(r) : "r"(x)); PUT(r); asm("cvt.s32.s8 %0, %1;" : "=r"(r) : "r"(x)); PUT(r); asm("cvt.u32.u16 %0, %1;" : "=r"(r) : "h"((unsigned short)x)); PUT(r);
  asm("cvt.rni.f32.f32 %0, %1;" : "=f"(g) : "f"(f)); PUTF(g); asm("cvt.rmi.f32.f32 %0, %1;" : "=f"(g) : "f"(f)); PUTF(g); asm("cvt.rzi.ftz.f32.f32 %0, %1;" : "=f"(g) : "f"(f)); PUTF(g);
  asm("cvt.sat.f32.f32 %0, %1;" : "=f"(g) : "f"(f)); PUTF(g);
  asm("cvt.pack.sat.u8.s32.b32 %0, %1, %2, %3;" : "=r"(r) : "r"(x), "r"(y), "r"(z)); PUT(r);
  asm("cvt.pack.sat.s16.s32 %0, %1, %2;" : "=r"(r) : "r"(x), "r"(y)); PUT(r);
}
extern "C" __global__ void convert_half(ARGS) {
  HEAD
  unsigned short r; uint32_t w; float q;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(r) : "f"(f)); PUT(r); asm("cvt.rz.f16.f32 %0, %1;" : "=h"(r) : "f"(f)); PUT(r);
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(r) : "f"(f)); PUT(r); asm("cvt.rz.bf16.f32 %0, %1;" : "=h"(r) : "f"(f)); PUT(r);
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(w) : "f"(f), "f"(g)); PUT(w); asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(w) : "f"(f), "f"(g)); PUT(w);
  asm("cvt.rn.relu.f16x2.f32 %0, %1, %2;" : "=r"(w) : "f"(f), "f"(g)); PUT(w);
  asm("cvt.f32.f16 %0, %1;" : "=f"(q) : "h"((unsigned short)x)); PUTF(q); asm("cvt.f32.bf16 %0, %1;" : "=f"(q) : "h"((unsigned short)x)); PUTF(q);
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(w) : "f"(f)); PUT(w);
  asm("cvt.rn.f16.s32 %0, %1;" : "=h"(r) : "r"(x)); PUT(r); asm("cvt.rni.s32.f16 %0, %1;" : "=r"(w) : "h"((unsigned short)x)); PUT(w);
  asm("cvt.rn.f16.u16 %0, %1;" : "=h"(r) : "h"((unsigned short)x)); PUT(r); asm("cvt.rni.f16.f16 %0, %1;" : "=h"(r) : "h"((unsigned short)x)); PUT(r);
}
