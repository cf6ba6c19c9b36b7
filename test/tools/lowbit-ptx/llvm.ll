target datalayout = "e-p6:32:32-i64:64-i128:128-i256:256-v16:16-v32:32-n16:32:64"
target triple = "nvptx64-nvidia-cuda"

@tile = internal addrspace(3) global [64 x float] undef, align 4

declare i32 @llvm.nvvm.read.ptx.sreg.tid.x()
declare i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
declare i32 @llvm.nvvm.shfl.sync.bfly.i32(i32, i32, i32, i32)
declare void @llvm.nvvm.barrier.cta.sync.aligned.all(i32)

define ptx_kernel void @sums(ptr addrspace(1) readonly %in, ptr addrspace(1) %total, ptr addrspace(1) %out, i32 %n) {
entry:
  %tid = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %cta = call i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
  %base = mul i32 %cta, 64
  %thread = add i32 %base, %tid
  br label %head

head:
  %i = phi i32 [ %thread, %entry ], [ %next, %body ]
  %sum = phi float [ 0.0, %entry ], [ %more, %body ]
  %inside = icmp slt i32 %i, %n
  br i1 %inside, label %body, label %done

body:
  %wide = sext i32 %i to i64
  %at = getelementptr half, ptr addrspace(1) %in, i64 %wide
  %h = load half, ptr addrspace(1) %at, align 2
  %v = fpext half %h to float
  %more = fadd float %sum, %v
  %next = add i32 %i, 192
  br label %head

done:
  %bits = bitcast float %sum to i32
  %other.bits = call i32 @llvm.nvvm.shfl.sync.bfly.i32(i32 -1, i32 %bits, i32 1, i32 31)
  %other = bitcast i32 %other.bits to float
  %pair = fadd float %sum, %other
  %tid64 = zext i32 %tid to i64
  %mine = getelementptr float, ptr addrspace(3) @tile, i64 %tid64
  store float %pair, ptr addrspace(3) %mine, align 4
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  %from = sub i64 63, %tid64
  %theirs = getelementptr float, ptr addrspace(3) @tile, i64 %from
  %result = load float, ptr addrspace(3) %theirs, align 4
  %thread64 = zext i32 %thread to i64
  %to = getelementptr float, ptr addrspace(1) %out, i64 %thread64
  store float %result, ptr addrspace(1) %to, align 4
  %old = atomicrmw add ptr addrspace(1) %total, i32 1 monotonic
  ret void
}
