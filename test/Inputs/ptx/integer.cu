// Integer, bit and comparison instructions. Every kernel: thread i reads a[i],
// b[i], c[i] and writes its results at out[k * n + i].
#include <cstdint>
#define HEAD int n = gridDim.x * blockDim.x, i = blockIdx.x * blockDim.x + threadIdx.x, k = 0; \
  uint32_t x = a[i], y = b[i], z = c[i]; (void)x; (void)y; (void)z;
#define PUT(v) out[n * k++ + i] = (v)
#define ARGS const uint32_t *a, const uint32_t *b, const uint32_t *c, uint32_t *out
#define ASM2(text) ({ uint32_t r; asm(text " %0, %1, %2;" : "=r"(r) : "r"(x), "r"(y)); r; })
#define ASM3(text) ({ uint32_t r; asm(text " %0, %1, %2, %3;" : "=r"(r) : "r"(x), "r"(y), "r"(z)); r; })
#define ASM1(text) ({ uint32_t r; asm(text " %0, %1;" : "=r"(r) : "r"(x)); r; })

extern "C" __global__ void int_arith(ARGS) {
  HEAD
  PUT(x + y); PUT(x - y); PUT(x * y); PUT(__umulhi(x, y)); PUT(__mulhi((int)x, (int)y));
  PUT(x / (y | 1)); PUT((int)x / (int)(y | 1)); PUT(x % (y | 1)); PUT((int)x % (int)(y | 1));
  PUT(min(x, y)); PUT(max(x, y)); PUT(min((int)x, (int)y)); PUT(max((int)x, (int)y));
  PUT(abs((int)x)); PUT(-x); PUT(__usad(x, y, z)); PUT(__sad((int)x, (int)y, z)); PUT(x * y + z);
}
extern "C" __global__ void int_asm(ARGS) {
  HEAD
  PUT(ASM2("add.sat.s32")); PUT(ASM2("sub.sat.s32")); PUT(ASM3("mad.hi.u32")); PUT(ASM3("mad.hi.s32"));
  PUT(ASM2("mul24.lo.u32")); PUT(ASM3("mad24.lo.s32")); PUT(ASM3("mad.hi.sat.s32"));
  PUT(ASM2("div.u32")); PUT(ASM2("rem.s32"));
}
extern "C" __global__ void int_wide(ARGS) {
  HEAD
  uint64_t p = (uint64_t)x * y; int64_t q = (int64_t)(int)x * (int)y;
  uint64_t m = (uint64_t)x * y + ((uint64_t)z << 32 | x);
  PUT(p); PUT(p >> 32); PUT(q); PUT(q >> 32); PUT(m); PUT(m >> 32);
  uint64_t u = (uint64_t)x << 32 | y, v = (uint64_t)z << 16 | 5;
  PUT(u / v); PUT(u % v); PUT((int64_t)u / (int64_t)v); PUT(u * v); PUT(__umul64hi(u, v)); PUT(__mul64hi(u, v) >> 32);
  PUT(u < v ? 1 : 2); PUT((int64_t)u < (int64_t)v ? 1 : 2); PUT((u >> (z & 63))); PUT((int64_t)u >> (z & 63)); PUT(u << (z & 63));
  PUT(__popcll(u)); PUT(__clzll(u)); PUT(__brevll(u)); PUT(__ffsll(u));
}
extern "C" __global__ void int_short(ARGS) {
  HEAD
  short s = (short)x, t = (short)y; unsigned short us = x, ut = y;
  short r; asm("mul.lo.s16 %0, %1, %2;" : "=h"(r) : "h"(s), "h"(t)); PUT((uint16_t)r);
  asm("mul.hi.s16 %0, %1, %2;" : "=h"(r) : "h"(s), "h"(t)); PUT((uint16_t)r);
  uint32_t w; asm("mul.wide.s16 %0, %1, %2;" : "=r"(w) : "h"(s), "h"(t)); PUT(w);
  asm("mul.wide.u16 %0, %1, %2;" : "=r"(w) : "h"(us), "h"(ut)); PUT(w);
  asm("mad.wide.s16 %0, %1, %2, %3;" : "=r"(w) : "h"(s), "h"(t), "r"(z)); PUT(w);
  asm("add.s16 %0, %1, %2;" : "=h"(r) : "h"(s), "h"(t)); PUT((uint16_t)r);
  asm("min.s16 %0, %1, %2;" : "=h"(r) : "h"(s), "h"(t)); PUT((uint16_t)r);
  asm("max.u16 %0, %1, %2;" : "=h"(r) : "h"(s), "h"(t)); PUT((uint16_t)r);
  asm("shr.s16 %0, %1, %2;" : "=h"(r) : "h"(s), "r"(z & 15)); PUT((uint16_t)r);
  asm("shl.b16 %0, %1, %2;" : "=h"(r) : "h"(s), "r"(z & 31)); PUT((uint16_t)r);
}
extern "C" __global__ void bits(ARGS) {
  HEAD
  PUT(__popc(x)); PUT(__clz(x)); PUT(__brev(x)); PUT(__ffs(x)); PUT(x & y); PUT(x | y); PUT(x ^ y); PUT(~x);
  PUT(x << (y & 31)); PUT(x >> (y & 31)); PUT((int)x >> (y & 31));
  PUT(ASM2("shl.b32")); PUT(ASM2("shr.u32")); PUT(ASM2("shr.s32"));
  PUT(__funnelshift_l(x, y, z)); PUT(__funnelshift_r(x, y, z)); PUT(__funnelshift_lc(x, y, z)); PUT(__funnelshift_rc(x, y, z));
  PUT(ASM1("bfind.u32")); PUT(ASM1("bfind.s32")); PUT(ASM1("bfind.shiftamt.u32")); PUT(ASM1("cnot.b32"));
}
extern "C" __global__ void bitfields(ARGS) {
  HEAD
  uint32_t r, p = y & 63, l = z & 63;
  asm("bfe.u32 %0, %1, %2, %3;" : "=r"(r) : "r"(x), "r"(p), "r"(l)); PUT(r);
  asm("bfe.s32 %0, %1, %2, %3;" : "=r"(r) : "r"(x), "r"(p), "r"(l)); PUT(r);
  asm("bfi.b32 %0, %1, %2, %3, %4;" : "=r"(r) : "r"(x), "r"(y), "r"(p), "r"(l)); PUT(r);
  asm("bmsk.clamp.b32 %0, %1, %2;" : "=r"(r) : "r"(p), "r"(l)); PUT(r);
  asm("bmsk.wrap.b32 %0, %1, %2;" : "=r"(r) : "r"(p), "r"(l)); PUT(r);
  asm("szext.clamp.s32 %0, %1, %2;" : "=r"(r) : "r"(x), "r"(l)); PUT(r);
  asm("szext.wrap.u32 %0, %1, %2;" : "=r"(r) : "r"(x), "r"(l)); PUT(r);
  asm("fns.b32 %0, %1, %2, %3;" : "=r"(r) : "r"(x), "r"(y & 31), "r"((int)(z % 7) - 3)); PUT(r);
}
extern "C" __global__ void permute(ARGS) {
  HEAD
  PUT(__byte_perm(x, y, z & 0x7777)); PUT(ASM3("prmt.b32")); PUT(ASM3("prmt.b32.f4e")); PUT(ASM3("prmt.b32.b4e"));
  PUT(ASM3("prmt.b32.rc8")); PUT(ASM3("prmt.b32.ecl")); PUT(ASM3("prmt.b32.ecr")); PUT(ASM3("prmt.b32.rc16"));
}
template <int T> __device__ uint32_t lop3(uint32_t x, uint32_t y, uint32_t z) {
  uint32_t r; asm("lop3.b32 %0, %1, %2, %3, %4;" : "=r"(r) : "r"(x), "r"(y), "r"(z), "n"(T)); return r;
}
extern "C" __global__ void lop3_tables(ARGS) {
  HEAD
  PUT(lop3<0x80>(x, y, z)); PUT(lop3<0xfe>(x, y, z)); PUT(lop3<0x96>(x, y, z)); PUT(lop3<0xe8>(x, y, z));
  PUT(lop3<0xca>(x, y, z)); PUT(lop3<0xea>(x, y, z)); PUT(lop3<0x1b>(x, y, z)); PUT(lop3<0x64>(x, y, z));
}
extern "C" __global__ void lop3_predicate(ARGS) { // d, d != 0 or q; d ^ .. != 0 and not q
  HEAD
  uint32_t r, p, q;
  asm("{ .reg .pred p, q; setp.gt.s32 q, %2, 0; lop3.or.b32 %0|p, %2, %3, %4, 0x80, q; selp.u32 %1, 1, 0, p; }" : "=r"(r), "=r"(p) : "r"(x), "r"(y), "r"(z));
  asm("{ .reg .pred p, q; setp.gt.s32 q, %1, 0; lop3.and.b32 _|p, %1, %2, %3, 0x96, !q; selp.u32 %0, 1, 0, p; }" : "=r"(q) : "r"(x), "r"(y), "r"(z));
  PUT(r); PUT(p); PUT(q);
}
extern "C" __global__ void dots(ARGS) {
  HEAD
  PUT(__dp4a((int)x, (int)y, (int)z)); PUT(__dp4a(x, y, z));
  PUT(ASM3("dp4a.s32.u32")); PUT(ASM3("dp4a.u32.s32"));
  PUT(__dp2a_lo((int)x, (int)y, (int)z)); PUT(__dp2a_hi((int)x, (int)y, (int)z)); PUT(ASM3("dp2a.lo.u32.u32")); PUT(ASM3("dp2a.hi.u32.s32"));
}
extern "C" __global__ void carries(ARGS) {
  HEAD
  uint32_t r0, r1, r2;
  asm("add.cc.u32 %0, %3, %4; addc.cc.u32 %1, %4, %5; addc.u32 %2, %3, %5;" : "=r"(r0), "=r"(r1), "=r"(r2) : "r"(x), "r"(y), "r"(z));
  PUT(r0); PUT(r1); PUT(r2);
  asm("sub.cc.u32 %0, %3, %4; subc.cc.u32 %1, %4, %5; subc.u32 %2, %3, %5;" : "=r"(r0), "=r"(r1), "=r"(r2) : "r"(x), "r"(y), "r"(z));
  PUT(r0); PUT(r1); PUT(r2);
  asm("mad.lo.cc.u32 %0, %3, %4, %5; madc.hi.u32 %1, %3, %4, 0; mov.u32 %2, 0;" : "=r"(r0), "=r"(r1), "=r"(r2) : "r"(x), "r"(y), "r"(z));
  PUT(r0); PUT(r1);
}
extern "C" __global__ void compares(ARGS) {
  HEAD
  uint32_t r = 0;
  r |= (x == y) << 0 | (x != y) << 1 | (x < y) << 2 | (x <= y) << 3 | (x > y) << 4 | (x >= y) << 5;
  r |= ((int)x < (int)y) << 6 | ((int)x <= (int)y) << 7 | ((int)x > (int)y) << 8 | ((int)x >= (int)y) << 9;
  PUT(r);
  asm("{ .reg .pred p, q, t; setp.gt.u32 t, %3, 100; setp.lt.and.s32 p|q, %1, %2, t;\n"
      "selp.u32 %0, 1, 0, p; @q add.u32 %0, %0, 2; }" : "=r"(r) : "r"(x), "r"(y), "r"(z)); PUT(r);
  asm("{ .reg .pred p, t; setp.gt.u32 t, %3, 100; setp.hi.xor.u32 p, %1, %2, !t; selp.u32 %0, 7, 9, p; }" : "=r"(r) : "r"(x), "r"(y), "r"(z)); PUT(r);
  asm("set.le.u32.s32 %0, %1, %2;" : "=r"(r) : "r"(x), "r"(y)); PUT(r);
  asm("slct.u32.s32 %0, %1, %2, %3;" : "=r"(r) : "r"(x), "r"(y), "r"(z)); PUT(r);
  asm("{ .reg .pred p, q, r; setp.lo.u32 p, %1, %2; setp.ls.u32 q, %2, %3; and.pred r, p, !q; or.pred r, r, p; xor.pred r, r, q; not.pred r, r; selp.u32 %0, 1, 0, r; }" : "=r"(r) : "r"(x), "r"(y), "r"(z)); PUT(r);
}
