//===- ModelRunner.cpp - The model on the CPU runtime ---------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compiler/ModelRunner.h"
#include "lib/Compiler/LayerModule.h"

#include "lowbit-c/kernel.h"
#include "lowbit/Runtime/Session.h"
#include "runtime/Models/Perplexity.h"

#include "mlir/IR/Verifier.h"

#include <algorithm>
#include <cstring>

using namespace mlir;
using namespace mlir::lowbit;
using ::lowbit::Buffer;
using ::lowbit::Device;
using ::lowbit::failedPrecondition;
using ::lowbit::invalidArgument;
using ::lowbit::MemoryKind;
using ::lowbit::Session;
using ::lowbit::Status;
using ::lowbit::StatusOr;
using ::lowbit::Tokenizer;

void mlir::lowbit::addDerivedMeta(
    ModuleOp module,
    std::vector<std::pair<std::string, std::string>> &meta) {
  // The runtime must not run past the rows of a rotary table.
  int64_t positions = INT64_MAX;
  for (auto param : module.getOps<ParamOp>())
    if (isa_and_nonnull<RopeTableAttr>(param.getSourceAttr()))
      positions =
          std::min(positions,
                   cast<RankedTensorType>(param.getType()).getShape()[0]);
  if (positions != INT64_MAX)
    meta.emplace_back("llm.positions", std::to_string(positions));
}

namespace {

/// A module file loaded on the CPU device, with its one function `run`.
class LoadedFunction {
public:
  static StatusOr<LoadedFunction> load(const std::string &path, Device &device,
                                       int64_t window) {
    LoadedFunction loaded;
    LOWBIT_ASSIGN_OR_RETURN(loaded.module,
                            ::lowbit::Module::load(path, device));
    ::lowbit::SessionOptions options;
    options.capacity = window;
    options.tokens = window;
    LOWBIT_ASSIGN_OR_RETURN(loaded.session,
                            Session::create(*loaded.module, options));
    LOWBIT_ASSIGN_OR_RETURN(loaded.function,
                            loaded.session->findFunction("run"));
    const ::lowbit::Function &signature =
        loaded.module->plan().functions[loaded.function];
    for (const auto *list : {&signature.inputs, &signature.outputs})
      for (const ::lowbit::TensorDesc &tensor : *list) {
        int64_t stride =
            tensor.shape.size() == 2 ? tensor.shape[1].constant : 1;
        (list == &signature.inputs ? loaded.inputStrides
                                   : loaded.outputStrides)
            .push_back(stride);
        LOWBIT_ASSIGN_OR_RETURN(
            std::unique_ptr<Buffer> buffer,
            device.allocate(static_cast<uint64_t>(window) * stride * 4,
                            MemoryKind::io));
        (list == &signature.inputs ? loaded.inputs : loaded.outputs)
            .push_back(std::move(buffer));
      }
    return loaded;
  }

  /// Runs `tokens` rows from position 0 on.
  Status run(int64_t tokens) {
    ::lowbit::PlanDims dims = {};
    dims[LOWBIT_DIM_TOKENS] = tokens;
    std::vector<Buffer *> in, out;
    for (auto &buffer : inputs)
      in.push_back(buffer.get());
    for (auto &buffer : outputs)
      out.push_back(buffer.get());
    LOWBIT_RETURN_IF_ERROR(session->invoke(function, dims, in, out));
    return module->device().wait();
  }

  float *input(size_t index) {
    return reinterpret_cast<float *>(inputs[index]->hostBytes());
  }
  const float *output(size_t index) {
    return reinterpret_cast<const float *>(outputs[index]->hostBytes());
  }

  std::unique_ptr<::lowbit::Module> module;
  std::unique_ptr<Session> session;
  uint32_t function = 0;
  std::vector<int64_t> inputStrides, outputStrides; ///< floats a row
  std::vector<std::unique_ptr<Buffer>> inputs, outputs;
};

/// Everything that runs share.
struct Shared {
  std::shared_ptr<ParameterArchive> archive;
  ModelRunnerOptions options;
  std::optional<Tokenizer> tokenizer;
  std::unique_ptr<Device> device;
  std::unique_ptr<HostCompiler> compiler;

  /// Compiles `ir` and loads it.
  StatusOr<LoadedFunction> load(ModuleOp ir, int64_t window) {
    LOWBIT_ASSIGN_OR_RETURN(TemporaryFile file,
                            TemporaryFile::create(".lowbit"));
    LOWBIT_RETURN_IF_ERROR(compiler->compile(ir, {}, file.path()));
    return LoadedFunction::load(file.path(), *device, window);
  }
};

//===----------------------------------------------------------------------===//
// LayerWalk
//===----------------------------------------------------------------------===//

class RuntimeLayerWalk : public LayerWalk {
public:
  RuntimeLayerWalk(Shared &shared, LayerChain chain, int64_t window)
      : shared(shared), chain(std::move(chain)), window(window) {}

  /// Hidden states before the first layer.
  Status embed(std::span<const int32_t> ids) {
    LOWBIT_ASSIGN_OR_RETURN(OwningOpRef<ModuleOp> ir, buildEmbedding(chain));
    LOWBIT_ASSIGN_OR_RETURN(LoadedFunction loaded, shared.load(*ir, window));
    tokens = static_cast<int64_t>(ids.size());
    states.resize(static_cast<size_t>(tokens) * chain.hiddenColumns);
    for (int64_t first = 0; first < tokens; first += window) {
      const int64_t count = std::min(window, tokens - first);
      std::memcpy(loaded.input(0), ids.data() + first, count * 4);
      LOWBIT_RETURN_IF_ERROR(loaded.run(count));
      takeRows(loaded, first, count, states);
    }
    return enter(0);
  }

  size_t layerCount() const override { return chain.layers.size(); }
  size_t position() const override { return current; }
  LayerOp layer() const override { return chain.layers[current]; }
  const std::vector<LayerTap> &taps() const override { return currentTaps; }
  std::span<const float> hidden() const override { return states; }
  int64_t hiddenColumns() const override { return chain.hiddenColumns; }

  Status observe(const DenseMap<StringAttr, Type> &types,
                 const RowFunction &onRows) override {
    std::vector<LayerTap> ignored;
    SmallVector<int> results;
    LOWBIT_ASSIGN_OR_RETURN(OwningOpRef<ModuleOp> ir,
                            buildLayer(layer(), types, &ignored, &results));
    LOWBIT_ASSIGN_OR_RETURN(LoadedFunction loaded, shared.load(*ir, window));
    for (int64_t first = 0; first < tokens; first += window) {
      const int64_t count = std::min(window, tokens - first);
      giveRows(loaded, first, count);
      LOWBIT_RETURN_IF_ERROR(loaded.run(count));
      for (auto [tap, result] : llvm::enumerate(results))
        onRows(tap, result < 0 ? loaded.input(0) : loaded.output(result), count,
               result < 0 ? loaded.inputStrides[0]
                          : loaded.outputStrides[result]);
      report("observing", first + count);
    }
    return Status::success();
  }

  StatusOr<std::vector<float>> tryLayer(const DenseMap<StringAttr, Type> &types,
                                        int64_t wanted) override {
    LOWBIT_ASSIGN_OR_RETURN(OwningOpRef<ModuleOp> ir,
                            buildLayer(layer(), types, nullptr, nullptr));
    LOWBIT_ASSIGN_OR_RETURN(LoadedFunction loaded, shared.load(*ir, window));
    const int64_t end = std::min(tokens, wanted);
    std::vector<float> rows(static_cast<size_t>(end) * chain.hiddenColumns);
    for (int64_t first = 0; first < end; first += window) {
      const int64_t count = std::min(window, end - first);
      giveRows(loaded, first, count);
      LOWBIT_RETURN_IF_ERROR(loaded.run(count));
      takeRows(loaded, first, count, rows);
    }
    return rows;
  }

  using LayerWalk::advance;
  Status advance(const DenseMap<StringAttr, Type> &types, bool runLast) override {
    if (runLast || current + 1 < chain.layers.size()) {
      LOWBIT_ASSIGN_OR_RETURN(OwningOpRef<ModuleOp> ir,
                              buildLayer(layer(), types, nullptr, nullptr));
      LOWBIT_ASSIGN_OR_RETURN(LoadedFunction loaded, shared.load(*ir, window));
      for (int64_t first = 0; first < tokens; first += window) {
        const int64_t count = std::min(window, tokens - first);
        giveRows(loaded, first, count);
        LOWBIT_RETURN_IF_ERROR(loaded.run(count));
        takeRows(loaded, first, count, states);
        report("running", first + count);
      }
    }
    return enter(current + 1);
  }

private:
  void report(const char *what, int64_t done) {
    if (shared.options.progress)
      shared.options.progress(::lowbit::formatString(
          "%s layer %zu of %zu, %lld of %lld tokens", what, current + 1,
          chain.layers.size(), static_cast<long long>(done),
          static_cast<long long>(tokens)));
  }

  Status enter(size_t next) {
    current = next;
    currentTaps.clear();
    if (current == chain.layers.size())
      return Status::success();
    SmallVector<int> results;
    return buildLayer(layer(), DenseMap<StringAttr, Type>(), &currentTaps,
                      &results).status();
  }

  void giveRows(LoadedFunction &loaded, int64_t first, int64_t count) {
    const int64_t columns = chain.hiddenColumns;
    for (int64_t t = 0; t < count; ++t)
      std::memcpy(loaded.input(0) + t * loaded.inputStrides[0],
                  states.data() + (first + t) * columns, columns * 4);
  }

  void takeRows(LoadedFunction &loaded, int64_t first, int64_t count,
                std::vector<float> &rows) {
    const int64_t columns = chain.hiddenColumns;
    for (int64_t t = 0; t < count; ++t)
      std::memcpy(rows.data() + (first + t) * columns,
                  loaded.output(0) + t * loaded.outputStrides[0], columns * 4);
  }

  Shared &shared;
  LayerChain chain;
  int64_t window;
  int64_t tokens = 0;
  size_t current = 0;
  std::vector<LayerTap> currentTaps;
  std::vector<float> states; ///< [tokens, hiddenColumns]
};

//===----------------------------------------------------------------------===//
// ModelRunner
//===----------------------------------------------------------------------===//

class RuntimeModelRunner : public ModelRunner {
public:
  Status open(std::shared_ptr<ParameterArchive> archive,
              ModelRunnerOptions options) {
    shared.archive = std::move(archive);
    shared.options = std::move(options);
    const ModelRunnerOptions &given = shared.options;
    for (auto [file, text] : {std::pair(&given.calibrationFile, &calibration),
                              std::pair(&given.evalFile, &evaluation)})
      if (!file->empty()) {
        LOWBIT_ASSIGN_OR_RETURN(*text, ::lowbit::MappedFile::open(*file));
      }
    if (given.calibrationTokens < 1 || given.calibrationWindow < 1)
      return invalidArgument("--calibration-tokens must be positive");
    if (given.evalWindow < 2 || given.evalWindows < 0)
      return invalidArgument("--eval-window requires at least 2 tokens, and "
                             "--eval-windows 0 (all of the text) or more");
    if (given.tokenizer.empty())
      return failedPrecondition("--calibration and --eval need a model with a "
                                "tokenizer");
    LOWBIT_ASSIGN_OR_RETURN(::lowbit::TokenizerSpec spec,
                            ::lowbit::parseTokenizer(given.tokenizer));
    if (spec.kind == ::lowbit::TokenizerKind::none)
      return failedPrecondition("--calibration and --eval need a model with a "
                                "tokenizer");
    LOWBIT_ASSIGN_OR_RETURN(Tokenizer tokenizer,
                            Tokenizer::create(std::move(spec)));
    shared.tokenizer.emplace(std::move(tokenizer));
    ::lowbit::DeviceOptions device;
    device.threads = given.threads;
    LOWBIT_ASSIGN_OR_RETURN(shared.device,
                            ::lowbit::builtinDevices().create("cpu", device));
    shared.compiler =
        std::make_unique<HostCompiler>(*shared.archive, given.threads);
    return Status::success();
  }

  bool hasCalibration() const override {
    return !shared.options.calibrationFile.empty();
  }

  StatusOr<std::unique_ptr<LayerWalk>> walkLayers(ModuleOp module) override {
    if (!hasCalibration())
      return failedPrecondition("needs --calibration=FILE");
    LOWBIT_ASSIGN_OR_RETURN(LayerChain chain, LayerChain::find(module));
    LOWBIT_ASSIGN_OR_RETURN(std::vector<int32_t> ids, calibrationIds());
    std::vector<std::pair<std::string, std::string>> meta;
    addDerivedMeta(module, meta);
    int64_t window = shared.options.calibrationWindow;
    for (const auto &[key, value] : meta)
      if (key == "llm.positions")
        window = std::min<int64_t>(window, std::stoll(value));
    auto walk = std::make_unique<RuntimeLayerWalk>(shared, std::move(chain),
                                                   window);
    LOWBIT_RETURN_IF_ERROR(walk->embed(ids));
    return std::unique_ptr<LayerWalk>(std::move(walk));
  }

  StatusOr<double> perplexity(ModuleOp module) override {
    if (shared.options.evalFile.empty())
      return failedPrecondition("needs --eval=FILE");
    OwningOpRef<ModuleOp> copy = cast<ModuleOp>(module->clone());
    HostCompiler::Request request;
    request.activations = shared.options.activations;
    request.activationGroup = shared.options.activationGroup;
    request.meta = shared.options.meta;
    addDerivedMeta(*copy, request.meta);
    request.tokenizer = shared.options.tokenizer;
    LOWBIT_ASSIGN_OR_RETURN(TemporaryFile file,
                            TemporaryFile::create(".lowbit"));
    LOWBIT_RETURN_IF_ERROR(
        shared.compiler->compile(*copy, request, file.path()));
    LOWBIT_ASSIGN_OR_RETURN(
        auto loaded, ::lowbit::Module::load(file.path(), *shared.device));
    ::lowbit::PerplexityOptions settings;
    settings.window = shared.options.evalWindow;
    settings.windows = shared.options.evalWindows;
    settings.bos = shared.options.evalBos;
    if (shared.options.progress)
      settings.onProgress = [&](int64_t done, int64_t total, double value) {
        shared.options.progress(::lowbit::formatString(
            "evaluating: window %lld of %lld, perplexity %.4f",
            static_cast<long long>(done), static_cast<long long>(total),
            value));
      };
    ::lowbit::LlmOptions llmOptions;
    llmOptions.context = settings.window; // BOS takes the last token's place
    StatusOr<std::unique_ptr<::lowbit::Llm>> llm =
        ::lowbit::Llm::create(*loaded, llmOptions);
    if (!llm.isOk()) {
      Status status = llm.status();
      status.addNote("--eval-window=N sets the tokens of a window of --eval");
      return status;
    }
    LOWBIT_ASSIGN_OR_RETURN(
        ::lowbit::PerplexityResult result,
        ::lowbit::measurePerplexity(**llm, *shared.tokenizer, textOf(evaluation),
                                    settings));
    return result.perplexity;
  }

private:
  static std::string_view textOf(const ::lowbit::MappedFile &file) {
    return {reinterpret_cast<const char *>(file.bytes().data()),
            file.bytes().size()};
  }

  /// The first tokens of the calibration text, as many as asked for.
  StatusOr<std::vector<int32_t>> calibrationIds() const {
    ::lowbit::EncodeOptions encode;
    encode.addSpecial = false;
    encode.spacePrefix = false;
    // A token stands for a few bytes: no need to read a whole book.
    std::string_view text = textOf(calibration);
    const auto wanted =
        static_cast<size_t>(shared.options.calibrationTokens);
    text = text.substr(0, std::min(text.size(), wanted * 24 + 4096));
    LOWBIT_ASSIGN_OR_RETURN(std::vector<int32_t> ids,
                            shared.tokenizer->encode(text, encode));
    ids.resize(std::min(ids.size(), wanted));
    if (ids.empty())
      return invalidArgument("'%s' has no tokens",
                             shared.options.calibrationFile.c_str());
    return ids;
  }

  Shared shared;
  ::lowbit::MappedFile calibration, evaluation;
};

} // namespace

StatusOr<std::unique_ptr<ModelRunner>>
mlir::lowbit::createModelRunner(std::shared_ptr<ParameterArchive> archive,
                                ModelRunnerOptions options) {
  auto runner = std::make_unique<RuntimeModelRunner>();
  LOWBIT_RETURN_IF_ERROR(runner->open(std::move(archive), std::move(options)));
  return std::unique_ptr<ModelRunner>(std::move(runner));
}
