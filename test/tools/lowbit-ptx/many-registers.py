"""Prints a kernel in which 96 values are live at once: volatile loads stay in their order."""
import sys

options = dict(a[2:].split("=") for a in sys.argv[1:])
limit = "\n.maxnreg %s" % options["maxnreg"] if "maxnreg" in options else ""
shared = ".shared .align 4 .b8 s[%s];" % options["shared"] if "shared" in options else ""
N = 96
print(".version 7.0\n.target sm_75\n.address_size 64")
print(".visible .entry many(.param .u64 out)%s\n{" % limit)
print(".reg .b32 %%r<%d>; .reg .b64 %%rd<5>; %s" % (N + 4, shared))
print("ld.param.u64 %rd1, [out]; cvta.to.global.u64 %rd2, %rd1;")
print("mov.u32 %%r%d, %%tid.x; mul.wide.u32 %%rd3, %%r%d, 4; add.s64 %%rd4, %%rd2, %%rd3;" % (N, N))
print("st.global.u32 [%%rd4], %%r%d;" % N)
if shared:
    print("st.shared.u32 [s], %%r%d;" % N)
for i in range(N):
    print("ld.volatile.global.u32 %%r%d, [%%rd4];" % i)
for i in reversed(range(N)):
    print("st.volatile.global.u32 [%%rd4], %%r%d;" % i)
print("ret;\n}")
