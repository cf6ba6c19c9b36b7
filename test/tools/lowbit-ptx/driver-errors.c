/* What a driver answers to mistakes; knows nothing of lowbit. Prints the code of each.
   driver-errors GOOD.ptx MANY-REGISTERS.ptx */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef int CUresult;
typedef CUresult (*Launch)(void *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void *, void **, void **);
static void *library;
static void *entry(const char *name) {
  void *p = dlsym(library, name);
  if (!p) { fprintf(stderr, "no %s\n", name); exit(2); }
  return p;
}
static char *text(const char *path) {
  FILE *f = fopen(path, "rb");
  char *s = calloc(1, 1 << 20);
  if (!f || fread(s, 1, (1 << 20) - 1, f) == 0) exit(2);
  fclose(f);
  return s;
}

int main(int argc, char **argv) {
  if (argc < 3 || !(library = dlopen("libcuda.so.1", RTLD_NOW))) return 2;
  CUresult (*load)(void **, const void *, unsigned, int *, void **) = entry("cuModuleLoadDataEx");
  CUresult (*function)(void **, void *, const char *) = entry("cuModuleGetFunction");
  CUresult (*attribute)(int *, int, void *) = entry("cuFuncGetAttribute");
  CUresult (*setAttribute)(void *, int, int) = entry("cuFuncSetAttribute");
  CUresult (*occupancy)(int *, void *, int, size_t) = entry("cuOccupancyMaxActiveBlocksPerMultiprocessor");
  CUresult (*allocate)(uint64_t *, size_t) = entry("cuMemAlloc_v2");
  CUresult (*copy)(uint64_t, const void *, size_t) = entry("cuMemcpyHtoD_v2");
  Launch launch = (Launch)entry("cuLaunchKernel");
  void *context, *module, *kernel, *many, *other;
  uint64_t a;
  int n = 32, value;
  char log[512] = "";
  int options[2] = {5, 6};
  void *values[2] = {log, (void *)(uintptr_t)sizeof log};
  printf("before init: %d\n", allocate(&a, 4));
  ((CUresult (*)(unsigned))entry("cuInit"))(0);
  printf("no context: %d\n", allocate(&a, 4));
  ((CUresult (*)(void **, int))entry("cuDevicePrimaryCtxRetain"))(&context, 0);
  ((CUresult (*)(void *))entry("cuCtxSetCurrent"))(context);
  printf("malformed: %d", load(&module, ".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry k() { frob.u32 %r1; }\n", 2, options, values));
  printf(", log: %s\n", log);
  printf("empty: %d\n", load(&module, "", 0, NULL, NULL));
  printf("no image: %d\n", load(&module, NULL, 0, NULL, NULL));
  printf("cubin: %d\n", load(&module, "\177ELF\2\1\1", 0, NULL, NULL));
  printf("newer target: %d\n", load(&module, ".version 9.0\n.target sm_121\n.address_size 64\n.visible .entry k() { ret; }\n", 0, NULL, NULL));
  if (load(&module, text(argv[1]), 0, NULL, NULL) || load(&other, text(argv[2]), 0, NULL, NULL)) return 1;
  printf("no such kernel: %d\n", function(&kernel, module, "nothing"));
  if (function(&kernel, module, "vec_add") || function(&many, other, "many")) return 1;
  if (allocate(&a, 4096)) return 1;
  printf("copy to a bad pointer: %d\n", copy(a + (1 << 20), log, 4));
  printf("copy past the end: %d\n", copy(a + 4092, log, 64));
  void *params[] = {&a, &a, &a, &n}, *one[] = {&a};
  printf("too many threads: %d\n", launch(kernel, 1, 1, 1, 2048, 1, 1, 0, NULL, params, NULL));
  printf("too many threads in z: %d\n", launch(kernel, 1, 1, 1, 1, 1, 128, 0, NULL, params, NULL));
  printf("no blocks: %d\n", launch(kernel, 0, 1, 1, 32, 1, 1, 0, NULL, params, NULL));
  printf("too much shared: %d\n", launch(kernel, 1, 1, 1, 32, 1, 1, 49153, NULL, params, NULL));
  printf("too much shared asked: %d\n", setAttribute(kernel, 8, 1 << 20));
  printf("no function: %d\n", launch(NULL, 1, 1, 1, 32, 1, 1, 0, NULL, params, NULL));
  printf("no parameters: %d\n", launch(kernel, 1, 1, 1, 32, 1, 1, 0, NULL, NULL, NULL));
  attribute(&value, 4, many);
  printf("registers: %s\n", value > 64 ? "more than 64" : "unknown");
  attribute(&value, 0, many);
  printf("largest block: %d\n", value);
  occupancy(&value, many, 1024, 0);
  printf("blocks of 1024: %d\n", value);
  printf("too many registers: %d\n", launch(many, 1, 1, 1, 1024, 1, 1, 0, NULL, one, NULL));
  printf("still well: %d\n", launch(many, 1, 1, 1, 256, 1, 1, 0, NULL, one, NULL));
  a = 64; /* a bad pointer ends the context: that error comes back from then on */
  printf("bad pointer: %d", launch(kernel, 1, 1, 1, 32, 1, 1, 0, NULL, params, NULL));
  CUresult (*synchronize)(void) = entry("cuCtxSynchronize");
  printf(" %d", synchronize());
  printf(" %d\n", allocate(&a, 4));
  return 0;
}
