//===- EmittedMutationTest.cpp - Faults in emitted kernels are reported ----===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Models are compiled for sm_80 and run on the simulator. Then every kernel is run again
// where it stood, with one fault in its text, and what it leaves in memory is compared
// with what the right one left. The models are chosen so that every kind of stage, code
// and grouping occurs.
//
//===----------------------------------------------------------------------===//

#include "KernelMutations.h"
#include "LaunchRecorder.h"

#include "lowbit/Compiler/Compile.h"
#include "lowbit/Compiler/Registration.h"
#include "runtime/Device/CUDA/CudaDevice.h"
#include "runtime/Models/FunctionBinding.h"
#include "runtime/Models/Llm.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/MLIRContext.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <random>
#include <unistd.h>

using namespace lowbit;
using namespace lowbit::test;

namespace {

/// A folder of this test, removed with the object.
class WorkFolder {
public:
  WorkFolder()
      : path(std::filesystem::temp_directory_path() /
             ("lowbit-mutations-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(path);
  }
  ~WorkFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::string file(const std::string &name) const { return (path / name).string(); }

private:
  std::filesystem::path path;
};

std::string source(const std::string &path) {
  return std::string(LOWBIT_SOURCE_DIR) + "/" + path;
}

/// Compiles for the simulated device; the path of the module.
std::string compile(const WorkFolder &folder, mlir::lowbit::CompileOptions options) {
  mlir::DialectRegistry registry;
  mlir::lowbit::registerAllDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  options.targets = {"cpu:x86-64", "nvptx:sm_80"};
  options.output = folder.file("model.lowbit");
  Status status = mlir::lowbit::compile(options, context);
  EXPECT_TRUE(status.isOk()) << status.toString();
  return options.output;
}

/// The last eleven tokens that the model's context holds, at most 144: attention over two
/// chunks of keys (where it is that long), the second with a ragged end; products over two
/// tiles of tokens and a rest.
Status runLanguageModel(const Module &module, LaunchRecorder &recorder) {
  LlmOptions options;
  LOWBIT_ASSIGN_OR_RETURN(std::unique_ptr<Llm> llm, Llm::create(module, options));
  const size_t first = size_t(std::min<int64_t>(llm->context(), 144)) - 11;
  std::mt19937 random(7);
  std::vector<int32_t> ids(first + 11);
  for (int32_t &id : ids)
    id = int32_t(random() % uint64_t(llm->vocabulary()));
  std::span<const int32_t> all(ids);
  LOWBIT_RETURN_IF_ERROR(llm->feed(all.first(first), LogitRows::none));
  recorder.record();
  return llm->feed(all.subspan(first), LogitRows::all);
}

/// An input. Those of products are halves of the step to which int8 rounds them, where an
/// ulp decides, with one number in each group or row that sets the step.
float numberFor(const RowTensor &tensor, size_t row, size_t column, uint64_t random) {
  const bool ofGroups = tensor.name == "a", ofRows = tensor.name == "b";
  if (!ofGroups && !ofRows)
    return float(random % 4001) * 0.001f - 2;
  const bool setsStep = ofGroups ? column % 32 == row * 7 % 32
                                 : column == (row * 97 + 412) % size_t(tensor.columns);
  const float steps = !setsStep       ? float(random % 253) - 125.5f
                      : row % 2 == 0 ? 127
                                     : -127;
  return steps * 0.0131f * (1 + 0.37f * float(row));
}

/// `rows` rows of the function `name`, with labels below 10.
Status runFunction(const Module &module, LaunchRecorder &recorder,
                   const std::string &name, int64_t tokensPerRow, int64_t rows) {
  SessionOptions options;
  options.tokens = tokensPerRow * rows;
  LOWBIT_ASSIGN_OR_RETURN(std::unique_ptr<Session> session,
                          Session::create(module, options));
  LOWBIT_ASSIGN_OR_RETURN(
      FunctionBinding function,
      FunctionBinding::create(*session, name, tokensPerRow, rows));
  std::mt19937 random(3);
  // Twice: what is left of a run with other numbers is not what the next one writes.
  for (int turn = 0; turn < 2; ++turn) {
    for (const RowTensor &tensor : function.inputs()) {
      const auto count = size_t(rows * tensor.columns);
      std::vector<float> numbers(count);
      std::vector<int32_t> labels(count);
      for (size_t i = 0; i < count; ++i) {
        numbers[i] = numberFor(tensor, i / size_t(tensor.columns),
                               i % size_t(tensor.columns), random());
        labels[i] = int32_t(random() % 10);
      }
      LOWBIT_RETURN_IF_ERROR(tensor.type == ElementType::i32
                                 ? function.write(tensor, labels, rows)
                                 : function.write(tensor, numbers, rows));
    }
    if (turn == 1)
      recorder.record();
    LOWBIT_RETURN_IF_ERROR(function.run(rows));
  }
  return {};
}

/// What became of all mutants so far.
struct Tally {
  unsigned total = 0, byResult = 0, byFinding = 0, byBoth = 0;
  struct Cell {
    unsigned total = 0, reported = 0;
  };
  std::map<std::string, Cell> kinds;
  /// "kind" in "model/kernel": the line.
  struct Survivor {
    std::string kind, kernel, line;
  };
  std::vector<Survivor> survivors;
  std::vector<std::string> refusals;
  std::string table;

  unsigned reported() const { return byResult + byFinding + byBoth; }
};

void mutateKernel(const std::string &model, LaunchRecorder &recorder,
                  const RecordedLaunch &launch, Tally &tally) {
  const std::string name = model + "/" + launch.kernel;
  // The right text gives the right bytes under every schedule, or nothing is shown.
  for (uint64_t seed = 0; seed < 3; ++seed) {
    ReplayResult right = recorder.replay(launch, *launch.text, seed);
    EXPECT_FALSE(right.reported()) << name << ": " << right.refusal << right.finding;
  }
  const MutationTarget target{*launch.text, launch.kernel, launch.config.block[0],
                              launch.idleLines};
  for (const Mutant &mutant : mutate(target, 2)) {
    ReplayResult result;
    for (uint64_t seed = 0; seed < 3 && !result.reported(); ++seed)
      result = recorder.replay(launch, mutant.text, seed);
    ++tally.total;
    Tally::Cell &cell = tally.kinds[mutant.kind];
    ++cell.total;
    cell.reported += result.reported();
    if (!result.refusal.empty())
      tally.refusals.push_back(name + ": " + mutant.line + ": " + result.refusal);
    else if (result.differs && !result.finding.empty())
      ++tally.byBoth;
    else if (result.differs)
      ++tally.byResult;
    else if (!result.finding.empty())
      ++tally.byFinding;
    else
      tally.survivors.push_back({mutant.kind, name, mutant.line});
    const char *how = !result.refusal.empty()   ? "refused"
                      : !result.finding.empty() ? result.differs ? "both" : "finding"
                      : result.differs          ? "result"
                                                : "survived";
    tally.table += mutant.kind + " | " + name + " | " + how + " |" + mutant.line + "\n";
  }
}

void mutateModel(const std::string &model, const std::string &module, Tally &tally,
                 const std::vector<std::string> &kernels,
                 const std::function<Status(const Module &, LaunchRecorder &)> &run) {
  LaunchRecorder recorder(80);
  auto device = createCudaDeviceOn(recorder.makeDriver(), DeviceOptions());
  ASSERT_TRUE(device.isOk()) << device.status().toString();
  auto loaded = Module::load(module, **device);
  ASSERT_TRUE(loaded.isOk()) << loaded.status().toString();
  Status status = run(**loaded, recorder);
  ASSERT_TRUE(status.isOk()) << status.toString() << recorder.findings();
  EXPECT_EQ(recorder.findings(), "");
  size_t used = 0;
  for (const RecordedLaunch &launch : recorder.launches()) {
    bool wanted = kernels.empty();
    for (const std::string &kernel : kernels)
      wanted |= launch.kernel.find(kernel) != std::string::npos;
    used += wanted;
    if (wanted)
      mutateKernel(model, recorder, launch, tally);
  }
  EXPECT_GE(used, std::max<size_t>(kernels.size(), 1)) << model;
}

/// A safetensors file of f32 matrices; one row is a vector.
void writeMatrices(const std::string &path,
                   const std::vector<std::tuple<const char *, int, int>> &matrices) {
  std::string header = "{", data;
  std::mt19937 random(5);
  for (const auto &[name, rows, columns] : matrices) {
    const size_t begin = data.size();
    for (int i = 0; i < rows * columns; ++i) {
      float number = float(int(random() % 2001) - 1000) * 0.001f;
      data.append(reinterpret_cast<const char *>(&number), sizeof(number));
    }
    header += std::string(header.size() > 1 ? "," : "") + "\"" + name +
              "\":{\"dtype\":\"F32\",\"shape\":[" +
              (rows > 1 ? std::to_string(rows) + "," : "") + std::to_string(columns) +
              "],\"data_offsets\":[" + std::to_string(begin) +
              "," + std::to_string(data.size()) + "]}";
  }
  header += "}";
  const uint64_t length = header.size();
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char *>(&length), sizeof(length));
  file << header << data;
}

/// Products of group scales with zero points, and of bytes with a bias, over three chunks
/// of columns; of row scales; of floats. 20 rows are two and a half blocks.
const char *const products = R"(
#f = #lowbit.leaf<fp<f32>>
lowbit.param @grouped : !lowbit.tensor<20x1088xf32, #f>
lowbit.param @bytes : !lowbit.tensor<20x1088xf32, #f>
lowbit.param @rows : !lowbit.tensor<20x528xf32, #f>
lowbit.param @floats : !lowbit.tensor<20x72xf32, #f>
lowbit.param @bias : tensor<20xf32>
func.func @products(%a: tensor<?x1088xf32> {lowbit.name = "a"},
                    %b: tensor<?x528xf32> {lowbit.name = "b"},
                    %c: tensor<?x72xf32> {lowbit.name = "c"}) -> tensor<?x20xf32> {
  %wg = lowbit.get_param @grouped : !lowbit.tensor<20x1088xf32, #f>
  %wb = lowbit.get_param @bytes : !lowbit.tensor<20x1088xf32, #f>
  %wr = lowbit.get_param @rows : !lowbit.tensor<20x528xf32, #f>
  %wf = lowbit.get_param @floats : !lowbit.tensor<20x72xf32, #f>
  %bias = lowbit.get_param @bias : tensor<20xf32>
  %x = lowbit.matmul %a, %wg : tensor<?x1088xf32>, !lowbit.tensor<20x1088xf32, #f> -> tensor<?x20xf32>
  %y = lowbit.matmul %a, %wb bias %bias : tensor<20xf32> : tensor<?x1088xf32>, !lowbit.tensor<20x1088xf32, #f> -> tensor<?x20xf32>
  %z = lowbit.matmul %b, %wr : tensor<?x528xf32>, !lowbit.tensor<20x528xf32, #f> -> tensor<?x20xf32>
  %w = lowbit.matmul %c, %wf : tensor<?x72xf32>, !lowbit.tensor<20x72xf32, #f> -> tensor<?x20xf32>
  %s = arith.addf %x, %y : tensor<?x20xf32>
  %t = arith.addf %s, %z : tensor<?x20xf32>
  %u = arith.addf %t, %w : tensor<?x20xf32>
  return %u : tensor<?x20xf32>
}
)";

/// Attention of a sequence of 40 over itself: keys in two warps, the second not full.
const char *const attention = R"(
func.func @attend(%q: tensor<?x640xf32> {lowbit.name = "q"},
                  %k: tensor<?x640xf32> {lowbit.name = "k"},
                  %v: tensor<?x640xf32> {lowbit.name = "v"}) -> tensor<?x640xf32> {
  %qs = lowbit.patchify %q image [4, 16, 10] patch 2 : tensor<?x640xf32> -> tensor<?x16xf32>
  %ks = lowbit.patchify %k image [4, 16, 10] patch 2 : tensor<?x640xf32> -> tensor<?x16xf32>
  %vs = lowbit.patchify %v image [4, 16, 10] patch 2 : tensor<?x640xf32> -> tensor<?x16xf32>
  %a = lowbit.attention none %qs keys %ks values %vs : tensor<?x16xf32>, tensor<?x16xf32>
      heads 2 scale 0.35 kv_heads 2 sequence 40 : tensor<?x16xf32>
  %r = lowbit.unpatchify %a image [4, 16, 10] patch 2 : tensor<?x16xf32> -> tensor<?x640xf32>
  return %r : tensor<?x640xf32>
}
)";

} // namespace

TEST(EmittedMutation, FaultsAreReported) {
  mlir::lowbit::registerAllPasses();
  WorkFolder folder;
  Tally tally;
  {
    mlir::lowbit::CompileOptions options;
    options.input = source("examples/stories-ternary");
    mutateModel("ternary", compile(folder, options), tally,
                {"512x256_prologue", "256x256_128_128_matmul", "256x512_512_matmul",
                 "512x256_matmul", "rope", "attention", "gather", "f32_256x512_prologue",
                 "f32_256x512_matmul"},
                runLanguageModel);
  }
  {
    mlir::lowbit::CompileOptions options;
    options.input = source("test/Inputs/import/qwen2-q8.gguf");
    mutateModel("int8", compile(folder, options), tally,
                {"gather", "rope"}, runLanguageModel);
  }
  {
    mlir::lowbit::CompileOptions options;
    options.input = source("examples/dit-digits/weights.safetensors");
    options.description = source("examples/dit-digits/model.mlir");
    options.hoistSteps = false;
    mutateModel("dit", compile(folder, options), tally,
                {"patchify", "unpatchify", "64x256_prologue", "addf", "64x256_matmul"},
                [](const Module &module, LaunchRecorder &recorder) {
                  return runFunction(module, recorder, "velocity", 1, 2);
                });
  }
  {
    writeMatrices(folder.file("products.safetensors"),
                  {{"grouped", 20, 1088},
                   {"bytes", 20, 1088},
                   {"rows", 20, 528},
                   {"floats", 20, 72},
                   {"bias", 1, 20}});
    std::ofstream(folder.file("products.mlir")) << products;
    mlir::lowbit::CompileOptions options;
    options.input = folder.file("products.safetensors");
    options.description = folder.file("products.mlir");
    options.recipe = "quantize{code=uint4 group=32 symmetric=false only=grouped},"
                     "quantize{code=int8 group=32 only=bytes},"
                     "quantize{code=int8 group=row only=rows}";
    mutateModel("products", compile(folder, options), tally, {"prologue", "matmul"},
                [](const Module &module, LaunchRecorder &recorder) {
                  return runFunction(module, recorder, "products", 1, 11);
                });
  }
  {
    std::ofstream(folder.file("attention.mlir")) << attention;
    mlir::lowbit::CompileOptions options;
    options.input = folder.file("attention.mlir");
    mutateModel("sequence", compile(folder, options), tally, {"attention"},
                [](const Module &module, LaunchRecorder &recorder) {
                  return runFunction(module, recorder, "attend", 1, 2);
                });
  }
  if (std::getenv("LOWBIT_SHOW_MUTATIONS"))
    std::printf("%s", tally.table.c_str());
  std::printf("%u faults of %zu kinds: %u reported by the result, %u by a finding, %u by "
              "both, %zu survived\n",
              tally.total, tally.kinds.size(), tally.byResult, tally.byFinding,
              tally.byBoth, tally.survivors.size());
  for (const std::string &refusal : tally.refusals)
    ADD_FAILURE() << "not a kernel any more: " << refusal;
  EXPECT_GE(tally.kinds.size(), 40u);
  EXPECT_GE(tally.reported() * 100, tally.total * 95);
  // Every kind is in the table, occurs, and is reported somewhere.
  for (const std::string &kind : mutationKinds())
    EXPECT_GT(tally.kinds[kind].reported, 0u) << kind;
  // Every survivor has a reason, and every reason a survivor.
  std::vector<bool> needed(expectedSurvivors().size());
  for (const Tally::Survivor &survivor : tally.survivors) {
    bool explained = false;
    for (size_t i = 0; i < needed.size(); ++i) {
      const ExpectedSurvivor &expected = expectedSurvivors()[i];
      if (survivor.kind != expected.kind ||
          survivor.kernel.find(expected.kernel) == std::string::npos)
        continue;
      explained = needed[i] = true;
    }
    EXPECT_TRUE(explained) << "'" << survivor.kind << "' in " << survivor.kernel
                           << " was not reported: " << survivor.line;
  }
  for (size_t i = 0; i < needed.size(); ++i)
    EXPECT_TRUE(needed[i]) << "'" << expectedSurvivors()[i].kind << "' in "
                           << expectedSurvivors()[i].kernel
                           << " is reported now; remove it from the list";
}
