//===- SemanticsVerifier.cpp - Interpret before and after each pass -------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compiler/SemanticsVerifier.h"

#include "lib/Reference/Interpreter.h"
#include "passes/Compress/CompressionPass.h"

#include "mlir/IR/OperationSupport.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

#include <bit>
#include <cmath>

using namespace mlir;
using namespace mlir::lowbit;
namespace reference = ::lowbit::reference;

using ::lowbit::Status;
using ::lowbit::StatusOr;

namespace {

/// Rows that stand for each dynamic dimension.
constexpr int64_t dynamicRows = 3;
/// Relative to the largest number, for class E1.
constexpr float reassociationTolerance = 1e-5f;

/// A value on the way: of a layer call or returned by the function.
struct Observation {
  std::string function, what;
  reference::Value value;
};

/// What the module computes, and the IR that computes it.
struct Snapshot {
  std::optional<OperationFingerPrint> fingerprint;
  std::vector<Observation> layers, results;
};

/// Where two dense tensors first differ.
struct Difference {
  int64_t index = -1; ///< -1: they are equal, bit for bit
  float before = 0, after = 0;
  double largest = 0; ///< |difference| / largest magnitude before
};

/// SplitMix64; the inputs must not depend on the platform's library.
class Random {
public:
  uint64_t next() {
    uint64_t z = state += 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  float uniform() { return float(next() >> 40) / float(1 << 23) - 1.0f; }

private:
  uint64_t state = 42;
};

/// Exactness of passes outside recipes; E0 where not named.
Exactness exactnessOfPhasePass(StringRef argument) {
  return argument == "lowbit-quantize-activations" ? Exactness::E2
                                                   : Exactness::E0;
}

size_t ledgerLength(ModuleOp module) {
  auto steps = module->getAttrOfType<ArrayAttr>(ledgerAttrName);
  return steps ? steps.size() : 0;
}

} // namespace

static Difference compare(const reference::Tensor &before,
                          const reference::Tensor &after) {
  Difference difference;
  auto note = [&](size_t index, double a, double b) {
    if (difference.index < 0) {
      difference.index = static_cast<int64_t>(index);
      difference.before = static_cast<float>(a);
      difference.after = static_cast<float>(b);
    }
  };
  double largest = 0, distance = 0;
  for (size_t i = 0; i < before.floats.size(); ++i) {
    float a = before.floats[i], b = after.floats[i];
    largest = std::max(largest, std::fabs(double(a)));
    // N19: any NaN equals any NaN.
    if (std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) ||
        (std::isnan(a) && std::isnan(b)))
      continue;
    note(i, a, b);
    double d = std::fabs(double(a) - double(b));
    distance = std::max(distance, std::isnan(d) ? INFINITY : d);
  }
  for (size_t i = 0; i < before.integers.size(); ++i)
    if (before.integers[i] != after.integers[i]) {
      note(i, double(before.integers[i]), double(after.integers[i]));
      distance = INFINITY;
    }
  difference.largest = distance == 0 ? 0 : distance / std::max(largest, 1e-30);
  return difference;
}

struct SemanticsVerifier::Impl {
  ModuleOp module;
  std::shared_ptr<ParameterArchive> archive;
  std::function<void(const std::string &)> report;
  Snapshot current;
  size_t ledger = 0;
  Status failure = Status::success();

  StatusOr<Snapshot> take();
  StatusOr<reference::Value> makeInput(Type type, Random &random);
  void before();
  void after(Pass &pass);
  void judge(Pass &pass, Exactness exactness, const Snapshot &now);
  Status compareAll(StringRef pass, Exactness exactness,
                    ArrayRef<Observation> old, ArrayRef<Observation> now,
                    double &largest);
};

StatusOr<reference::Value> SemanticsVerifier::Impl::makeInput(Type type,
                                                              Random &random) {
  if (type.isInteger(64)) // a position
    return reference::Value(reference::Tensor::scalar(0));
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return ::lowbit::unimplemented("an argument of a kind that has no seeded inputs");
  LOWBIT_ASSIGN_OR_RETURN(reference::ElementType element,
                          reference::elementTypeOf(tensor.getElementType()));
  SmallVector<int64_t> shape(tensor.getShape());
  for (int64_t &extent : shape)
    if (ShapedType::isDynamic(extent))
      extent = dynamicRows;
  reference::Tensor value =
      reference::Tensor::zeros(element, {shape.begin(), shape.end()});
  for (float &number : value.floats)
    number = random.uniform();
  // Integers are row numbers: below the rows of every table that is gathered.
  int64_t rows = 2;
  module.walk([&](GatherRowsOp gather) {
    int64_t n = gather.getTable().getType().getShape()[0];
    rows = rows == 2 ? n : std::min(rows, n);
  });
  for (int64_t &number : value.integers)
    number = static_cast<int64_t>(random.next() % static_cast<uint64_t>(rows));
  return reference::Value(std::move(value));
}

StatusOr<Snapshot> SemanticsVerifier::Impl::take() {
  Snapshot snapshot;
  snapshot.fingerprint.emplace(module);
  reference::Interpreter interpreter(
      module, [&](ParamOp param, std::vector<std::vector<uint8_t>> &components) {
        return archive->materialize(param, components);
      });
  Random random;
  for (auto function : module.getOps<func::FuncOp>()) {
    if (function.isDeclaration())
      continue;
    std::string name = function.getSymName().str();
    SmallVector<reference::Value> inputs;
    for (Type type : function.getArgumentTypes()) {
      LOWBIT_ASSIGN_OR_RETURN(reference::Value input, makeInput(type, random));
      inputs.push_back(std::move(input));
    }
    int64_t layer = 0;
    interpreter.setObserver([&](Operation *op, ArrayRef<reference::Value> results) {
      if (isa<LayerOp>(op) && !results.empty())
        snapshot.layers.push_back(
            {name, "layer " + std::to_string(layer++), results.front()});
    });
    interpreter.resetCaches();
    LOWBIT_ASSIGN_OR_RETURN(auto results, interpreter.call(name, inputs));
    for (auto [index, result] : llvm::enumerate(results))
      snapshot.results.push_back({name, "result " + std::to_string(index), result});
  }
  return snapshot;
}

void SemanticsVerifier::Impl::before() {
  if (!failure.isOk())
    return;
  ledger = ledgerLength(module);
  if (current.fingerprint && *current.fingerprint == OperationFingerPrint(module))
    return;
  StatusOr<Snapshot> snapshot = take();
  if (snapshot.isOk())
    current = std::move(*snapshot);
  else
    failure = snapshot.status();
}

Status SemanticsVerifier::Impl::compareAll(StringRef pass, Exactness exactness,
                                           ArrayRef<Observation> old,
                                           ArrayRef<Observation> now,
                                           double &largest) {
  for (auto [a, b] : llvm::zip(old, now)) {
    if (!a.value.tensor || !b.value.tensor)
      continue;
    if (a.value.tensor->typeName() != b.value.tensor->typeName())
      return ::lowbit::internalError(
          "pass '%s' changes the type of %s of function '%s' from %s to %s",
          pass.str().c_str(), a.what.c_str(), a.function.c_str(),
          a.value.tensor->typeName().c_str(), b.value.tensor->typeName().c_str());
    Difference difference = compare(*a.value.tensor, *b.value.tensor);
    largest = std::max(largest, difference.largest);
    bool allowed = exactness >= Exactness::E2 || difference.index < 0 ||
                   (exactness == Exactness::E1 &&
                    difference.largest <= reassociationTolerance);
    if (allowed)
      continue;
    int64_t columns = a.value.tensor->shape.empty() ? 1 : a.value.tensor->shape.back();
    return ::lowbit::internalError(
        "pass '%s' (%s) changes %s of function '%s': element (%lld, %lld) was %.9g and "
        "is %.9g",
        pass.str().c_str(), exactnessName(exactness), a.what.c_str(),
        a.function.c_str(), static_cast<long long>(difference.index / columns),
        static_cast<long long>(difference.index % columns), difference.before,
        difference.after);
  }
  return Status::success();
}

void SemanticsVerifier::Impl::judge(Pass &pass, Exactness exactness,
                                    const Snapshot &now) {
  StringRef name = pass.getArgument();
  double largest = 0;
  // Layers come first, so that the first place that differs is the one named.
  if (current.layers.size() == now.layers.size())
    failure = compareAll(name, exactness, current.layers, now.layers, largest);
  if (failure.isOk() && current.results.size() != now.results.size())
    failure = ::lowbit::internalError("pass '%s' changes the number of results",
                                      name.str().c_str());
  if (failure.isOk())
    failure = compareAll(name, exactness, current.results, now.results, largest);
  if (!failure.isOk() || !report)
    return;
  char text[64];
  std::snprintf(text, sizeof(text), "largest difference %.3g", largest);
  report("verify-semantics: " + name.str() + " (" + exactnessName(exactness) +
         "): " + (largest == 0 ? std::string("same bits") : std::string(text)) + "\n");
}

void SemanticsVerifier::Impl::after(Pass &pass) {
  if (!failure.isOk() || *current.fingerprint == OperationFingerPrint(module))
    return;
  Exactness exactness = exactnessOfPhasePass(pass.getArgument());
  if (ledgerLength(module) > ledger) {
    auto steps = readLedger(module);
    if (steps.isOk())
      exactness = parseExactness(steps->back().exactness).value_or(Exactness::E0);
  }
  StatusOr<Snapshot> now = take();
  if (!now.isOk()) {
    failure = now.status();
    failure.addNote("after pass '" + pass.getArgument().str() + "'");
    return;
  }
  judge(pass, exactness, *now);
  current = std::move(*now);
}

namespace {

class Instrumentation : public PassInstrumentation {
public:
  explicit Instrumentation(std::shared_ptr<SemanticsVerifier::Impl> impl)
      : impl(std::move(impl)) {}

  void runBeforePass(Pass *pass, Operation *) override {
    if (isOurs(pass))
      impl->before();
  }
  void runAfterPass(Pass *pass, Operation *) override {
    if (isOurs(pass))
      impl->after(*pass);
  }

private:
  /// Adaptors that run nested pipelines have no argument.
  static bool isOurs(Pass *pass) { return !pass->getArgument().empty(); }
  std::shared_ptr<SemanticsVerifier::Impl> impl;
};

} // namespace

SemanticsVerifier::SemanticsVerifier(
    ModuleOp module, std::shared_ptr<ParameterArchive> archive,
    std::function<void(const std::string &)> report)
    : impl(std::make_shared<Impl>()) {
  impl->module = module;
  impl->archive = std::move(archive);
  impl->report = std::move(report);
}

SemanticsVerifier::~SemanticsVerifier() = default;

void SemanticsVerifier::attach(PassManager &manager) {
  manager.addInstrumentation(std::make_unique<Instrumentation>(impl));
}

Status SemanticsVerifier::status() const { return impl->failure; }
