//===- CompressionSession.cpp - What compression passes share -------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Compress/CompressionSession.h"

#include "dialects/Lowbit/IR/LowbitDialect.h"

#include "mlir/IR/BuiltinOps.h"

using namespace mlir;
using namespace mlir::lowbit;

const char *mlir::lowbit::exactnessName(Exactness exactness) {
  static const char *const names[] = {"E0", "E1", "E2", "E3"};
  return names[static_cast<int>(exactness)];
}

std::optional<Exactness> mlir::lowbit::parseExactness(StringRef name) {
  for (Exactness exactness :
       {Exactness::E0, Exactness::E1, Exactness::E2, Exactness::E3})
    if (name == exactnessName(exactness))
      return exactness;
  return std::nullopt;
}

namespace {

/// Where the dialect keeps the session.
struct SessionHolder : DialectInterface::Base<SessionHolder> {
  SessionHolder(Dialect *dialect) : Base(dialect) {}
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(SessionHolder)

  CompressionSession *attached = nullptr;
  std::unique_ptr<CompressionSession> owned;
};

} // namespace

static SessionHolder &holderOf(MLIRContext *context) {
  Dialect *dialect = context->getOrLoadDialect<LowbitDialect>();
  if (auto *holder = dialect->getRegisteredInterface<SessionHolder>())
    return *holder;
  return dialect->addInterface<SessionHolder>();
}

CompressionSession *CompressionSession::find(MLIRContext *context) {
  SessionHolder &holder = holderOf(context);
  return holder.attached ? holder.attached : holder.owned.get();
}

void CompressionSession::attach(MLIRContext *context,
                                CompressionSession *session) {
  holderOf(context).attached = session;
}

::lowbit::StatusOr<CompressionSession *>
CompressionSession::findOrOpen(ModuleOp module, int64_t randomSeed) {
  SessionHolder &holder = holderOf(module.getContext());
  if (holder.attached)
    return holder.attached;
  // Several modules of one run (lowbit-opt -split-input-file) may name
  // different checkpoints; what has been computed so far stays readable.
  auto source = module->getAttrOfType<DictionaryAttr>("lowbit.source");
  auto path = source ? source.getAs<StringAttr>("path") : StringAttr();
  if (!holder.owned ||
      holder.owned->archive->path() != (path ? path.getValue() : "")) {
    auto session = std::make_unique<CompressionSession>();
    LOWBIT_ASSIGN_OR_RETURN(session->archive,
                            ParameterArchive::openFor(module));
    holder.owned = std::move(session);
  }
  if (randomSeed >= 0)
    holder.owned->archive->bindRandom(static_cast<uint64_t>(randomSeed));
  return holder.owned.get();
}
