/* A program on the CUDA driver API that knows nothing of lowbit. Compile with
   `cc driver-program.c -lcuda` (any libcuda.so) or as here with -ldl. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int CUresult;
typedef uint64_t CUdeviceptr;
static void *library;
static void *entry(const char *name) {
  void *p = dlsym(library, name);
  if (!p) { fprintf(stderr, "no %s\n", name); exit(2); }
  return p;
}
#define CALL(name, types, ...) do { \
    CUresult r_ = ((CUresult (*) types)entry(name)) (__VA_ARGS__); \
    if (r_) { printf("%s: error %d\n", name, r_); return 1; } } while (0)

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  int wrong = argc > 2 && !strcmp(argv[2], "bad-pointer");
  library = dlopen("libcuda.so.1", RTLD_NOW);
  if (!library) { printf("no driver: %s\n", dlerror()); return 3; }
  FILE *f = fopen(argv[1], "rb");
  if (!f) return 2;
  char *ptx = calloc(1, 1 << 20);
  if (fread(ptx, 1, (1 << 20) - 1, f) == 0) return 2;
  fclose(f);
  int device, major, minor, n = 1000;
  char name[128];
  void *context, *module, *kernel, *stream;
  CUdeviceptr a, b, c;
  CALL("cuInit", (unsigned), 0);
  CALL("cuDeviceGet", (int *, int), &device, 0);
  CALL("cuDeviceGetName", (char *, int, int), name, sizeof name, device);
  CALL("cuDeviceGetAttribute", (int *, int, int), &major, 75, device);
  CALL("cuDeviceGetAttribute", (int *, int, int), &minor, 76, device);
  printf("%s, compute capability %d.%d\n", name, major, minor);
  CALL("cuDevicePrimaryCtxRetain", (void **, int), &context, device);
  CALL("cuCtxSetCurrent", (void *), context);
  char log[1024] = "";
  int options[2] = {5, 6};
  void *values[2] = {log, (void *)(uintptr_t)sizeof log};
  CUresult r = ((CUresult (*)(void **, const void *, unsigned, int *, void **))entry("cuModuleLoadDataEx"))(&module, ptx, 2, options, values);
  if (r) { printf("module: error %d, log: %s\n", r, log); return 1; }
  CALL("cuModuleGetFunction", (void **, void *, const char *), &kernel, module, "vec_add");
  CALL("cuStreamCreate", (void **, unsigned), &stream, 1);
  CALL("cuMemAlloc_v2", (CUdeviceptr *, size_t), &a, n * 4);
  CALL("cuMemAlloc_v2", (CUdeviceptr *, size_t), &b, n * 4);
  CALL("cuMemAlloc_v2", (CUdeviceptr *, size_t), &c, n * 4);
  float *h = malloc(n * 4);
  for (int i = 0; i < n; ++i) h[i] = i;
  CALL("cuMemcpyHtoDAsync_v2", (CUdeviceptr, const void *, size_t, void *), a, h, n * 4, stream);
  CALL("cuMemcpyHtoDAsync_v2", (CUdeviceptr, const void *, size_t, void *), b, h, n * 4, stream);
  if (wrong) c += 4096;
  void *params[] = {&a, &b, &c, &n};
  CALL("cuLaunchKernel", (void *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void *, void **, void **), kernel, (n + 127) / 128, 1, 1, 128, 1, 1, 0, stream, params, NULL);
  CALL("cuStreamSynchronize", (void *), stream);
  CALL("cuMemcpyDtoH_v2", (void *, CUdeviceptr, size_t), h, c, n * 4);
  for (int i = 0; i < n; ++i)
    if (h[i] != 2.0f * i) { printf("wrong at %d\n", i); return 1; }
  printf("right\n");
  return 0;
}
