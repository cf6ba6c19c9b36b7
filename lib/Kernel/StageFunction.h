//===- StageFunction.h - The frame of one generated stage -------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A stage is an `llvm.func` with the signature of include/lowbit-c/kernel.h.
// The frame creates it, reads binding pointers and dims in the entry block, and
// offers the few memory and loop operations that every stage needs. All indices
// are i64.
//
// The same loops also serve machines of many threads (ThreadMachine): there a
// group of threads shares a block of eight rows, each thread holds *one row* of
// it, and what is a vector with a lane a row elsewhere is a scalar. Threads of
// one row divide its columns among them (slices) and meet in shared memory.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_KERNEL_STAGEFUNCTION_H
#define LIB_KERNEL_STAGEFUNCTION_H

#include "lib/Kernel/IRValueBuilder.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"

#include <functional>

namespace lowbit::kernel {

/// How generated code reaches the threads of a machine. Filled by the target's
/// owner.
struct ThreadMachine {
  std::string threadIndex; ///< intrinsic () -> i32, index in the group
  std::string groupIndex;  ///< intrinsic () -> i32, index of the group
  std::string groupTile;   ///< the same for the second axis of groups
  /// Intrinsic (i32 members, i32 value, i32 mask, i32 clamp) -> i32: the value of
  /// the thread whose index in its warp of 32 differs by the bits of mask.
  std::string exchange;
  std::string barrier; ///< intrinsic (i32 = 0): all threads of the group meet
  unsigned sharedSpace = 0; ///< address space of memory that a group shares
  /// Marks a function as a kernel of groups of `threads` threads.
  std::function<void(mlir::LLVM::LLVMFuncOp kernel, unsigned threads)>
      markKernel;
};

/// The shape of a kernel of threads. A group has 8 * slices threads: thread t
/// holds row t mod 8 of the block and slice t floordiv 8.
struct ThreadShape {
  unsigned pointers = 0; ///< arguments of the kernel, each a pointer
  unsigned output = 0;   ///< the one that is written
  unsigned slices = 1;
  uint64_t sharedBytes = 0; ///< what scratch() points to
};

/// A stage of a plan as a kernel of threads (lowbit/Format/GpuCode.h). A group may
/// hold several blocks of eight rows, the same slice of all of them in neighbouring
/// threads: thread t holds row t mod 8 of block (t floordiv 8) mod blocks and slice t
/// floordiv (8 * blocks).
struct ThreadFrame {
  unsigned threads = 32;    ///< of a group, a multiple of 8 * blocks
  uint64_t sharedBytes = 0; ///< what scratch() points to, for each block
  /// Whether no kernel writes what a binding points to while this one runs.
  std::function<bool(unsigned binding)> readOnly;
  /// Whether threads exchange nothing through bindings, so that pointers can be
  /// declared free of aliases.
  bool exclusive = false;
  unsigned blocks = 1;
};

class StageFunction {
public:
  /// Appends an empty stage named `name` to `module`; the builder then stands
  /// before its `llvm.return`. Loads the dialects it needs.
  StageFunction(mlir::ModuleOp module, llvm::StringRef name,
                KernelCapabilities capabilities);

  /// Appends an empty kernel of threads: binding(i) is argument i, scratch() is
  /// shared by the group. dim, begin and end do not exist.
  StageFunction(mlir::ModuleOp module, llvm::StringRef name,
                KernelCapabilities capabilities, const ThreadMachine &machine,
                const ThreadShape &shape);

  /// Appends an empty kernel of threads with the arguments of GpuCode.h: dim works,
  /// binding(i) becomes an argument at its first use (boundArguments), begin and
  /// end do not exist.
  StageFunction(mlir::ModuleOp module, llvm::StringRef name,
                KernelCapabilities capabilities, const ThreadMachine &machine,
                const ThreadFrame &frame);
  /// The bindings that pointer arguments stand for, in order.
  const std::vector<unsigned> &boundArguments() const { return argumentBindings; }

  mlir::OpBuilder &builder() { return opBuilder; }
  mlir::Location loc() { return function.getLoc(); }
  /// Abstract arithmetic at the builder's insertion point.
  IRValueBuilder &values() { return valueBuilder; }
  mlir::LLVM::LLVMFuncOp func() const { return function; }

  /// Pointer of binding `index` (`!llvm.ptr`), read once in the entry block.
  mlir::Value binding(unsigned index);
  /// dims[index], read once in the entry block.
  mlir::Value dim(unsigned index);
  mlir::Value scratch() { return shared ? shared : function.getArgument(2); }
  mlir::Value begin() { return function.getArgument(3); }
  mlir::Value end() { return function.getArgument(4); }

  // Rows of a block: lanes of a vector, or the one row of a thread.
  bool isThread() const { return bool(lane); }
  ValueType rowsOf(Scalar scalar) const {
    return {scalar, isThread() ? 0u : 8u};
  }
  /// Four bytes a row.
  ValueType rowBytes() const { return {Scalar::i8, isThread() ? 4u : 32u}; }
  AbstractValue spreadRows(AbstractValue scalar);
  /// One scalar a row; `pointer` is that of row 0.
  AbstractValue loadRows(Scalar scalar, mlir::Value pointer,
                         unsigned alignment = 0);
  void storeRows(AbstractValue value, mlir::Value pointer,
                 unsigned alignment = 0);
  /// Four bytes a row, aligned to 32.
  AbstractValue loadRowBytes(mlir::Value pointer);

  // Slices of a row's columns; slice 0 of 1 where there are no threads.
  unsigned slices() const { return sliceCount; }
  mlir::Value slice() { return isThread() ? sliceIndex : index(0); }
  /// Index of the group on the first axis.
  mlir::Value threadRowBlock() { return group; }
  /// Which of the group's blocks of rows this thread works on.
  mlir::Value blockInGroup() { return blockIndex; }
  /// Index of the group on the second axis.
  mlir::Value threadTile() { return tileIndex; }
  /// Index of this thread in its group, and how many there are.
  mlir::Value thread() { return threadIndex; }
  unsigned threads() const { return threadCount; }
  /// `value` (i32 or f32) of the thread of this warp whose index differs by `mask`
  /// (1, 2, 4, 8 or 16). All threads of the warp must come here.
  AbstractValue exchange(AbstractValue value, unsigned mask);
  /// Makes what each thread stored to scratch() visible to its group.
  void barrier();

  // i64 arithmetic.
  mlir::Value index(int64_t value);
  mlir::Value addI(mlir::Value a, mlir::Value b);
  mlir::Value addI(mlir::Value a, int64_t b);
  mlir::Value subI(mlir::Value a, mlir::Value b);
  mlir::Value mulI(mlir::Value a, int64_t b);
  mlir::Value mulI(mlir::Value a, mlir::Value b);
  /// Quotient and remainder of a non-negative value; b > 0.
  mlir::Value divI(mlir::Value a, int64_t b);
  mlir::Value remI(mlir::Value a, int64_t b);
  mlir::Value minI(mlir::Value a, mlir::Value b);
  mlir::Value maxI(mlir::Value a, mlir::Value b);
  mlir::Value lessI(mlir::Value a, mlir::Value b);

  // Memory. Offsets are bytes.
  mlir::Value at(mlir::Value pointer, mlir::Value byteOffset);
  mlir::Value at(mlir::Value pointer, int64_t byteOffset);
  /// `alignment` in bytes; 0 = the natural one of the scalar.
  mlir::Value load(mlir::Type type, mlir::Value pointer,
                   unsigned alignment = 0);
  void store(mlir::Value value, mlir::Value pointer, unsigned alignment = 0);
  AbstractValue load(ValueType type, mlir::Value pointer,
                     unsigned alignment = 0);
  void store(AbstractValue value, mlir::Value pointer, unsigned alignment = 0);
  /// Read prefetch into every cache level; never faults.
  void prefetch(mlir::Value pointer);

  /// for (i = lo; i < hi; i += step) carried = body(i, carried). Returns the
  /// last carried values.
  using LoopBody = std::function<llvm::SmallVector<mlir::Value>(
      mlir::Value i, mlir::ValueRange carried)>;
  llvm::SmallVector<mlir::Value> loop(mlir::Value lo, mlir::Value hi,
                                      int64_t step, mlir::ValueRange init,
                                      const LoopBody &body);
  /// The same without carried values.
  void loop(mlir::Value lo, mlir::Value hi, int64_t step,
            const std::function<void(mlir::Value i)> &body);
  /// if (condition) body(), else otherwise() (may be empty).
  void ifThen(mlir::Value condition, const std::function<void()> &body,
              const std::function<void()> &otherwise = {});

private:
  mlir::OpBuilder opBuilder;
  mlir::LLVM::LLVMFuncOp function;
  IRValueBuilder valueBuilder;
  mlir::Operation *entryAnchor = nullptr; ///< entry loads go before it
  llvm::SmallVector<mlir::Value> bindings;
  llvm::SmallVector<mlir::Value> dims;
  // Of a kernel of threads only.
  void enterThreads(const ThreadMachine &machine, uint64_t sharedBytes,
                    unsigned blocks = 1);
  std::string barrierName, exchangeName;
  mlir::Value shared, lane, sliceIndex, group, tileIndex, threadIndex, blockIndex;
  unsigned sliceCount = 1, threadCount = 1;
  // Of a plan's kernel only.
  bool planArguments = false, exclusive = false;
  std::function<bool(unsigned)> readOnly;
  std::vector<unsigned> argumentBindings;
  llvm::SmallVector<mlir::DictionaryAttr> argumentAttributes; ///< of pointers
};

} // namespace lowbit::kernel

#endif // LIB_KERNEL_STAGEFUNCTION_H
