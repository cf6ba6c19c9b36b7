//===- DiffusersDit.cpp - DiTTransformer2DModel of diffusers --------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The graph is written as a description, like those that users write, and goes
// the way of DescribedModel.h. Formulas: diffusers' models/transformers/
// dit_transformer_2d.py, models/attention.py (ada_norm_zero), models/embeddings.py.
//
//===----------------------------------------------------------------------===//

#include "lib/Import/DiffusersDit.h"

#include "lib/Import/DescribedModel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

#include <cmath>
#include <cstring>

using namespace mlir;
using namespace mlir::lowbit;
using ::lowbit::invalidArgument;
using ::lowbit::Status;
using ::lowbit::StatusOr;
using ::lowbit::unimplemented;

static std::string joined(StringRef folder, StringRef name) {
  llvm::SmallString<128> path(folder);
  llvm::sys::path::append(path, name);
  return path.str().str();
}

bool mlir::lowbit::isDiffusersFolder(StringRef path) {
  if (llvm::sys::fs::exists(joined(path, "model_index.json")))
    return true;
  auto file = llvm::MemoryBuffer::getFile(joined(path, "config.json"));
  return file && (*file)->getBuffer().contains("\"_class_name\"");
}

static StatusOr<llvm::json::Object> readJson(const std::string &path) {
  auto file = llvm::MemoryBuffer::getFile(path);
  if (!file)
    return invalidArgument("cannot read '%s': %s", path.c_str(),
                           file.getError().message().c_str());
  if ((*file)->getBufferSize() > (1u << 20))
    return invalidArgument("'%s' is larger than any configuration", path.c_str());
  auto value = llvm::json::parse((*file)->getBuffer());
  if (!value)
    return invalidArgument("'%s' is not JSON: %s", path.c_str(),
                           llvm::toString(value.takeError()).c_str());
  if (!value->getAsObject())
    return invalidArgument("'%s' is not a JSON object", path.c_str());
  return std::move(*value->getAsObject());
}

namespace {

/// The numbers of config.json.
struct DitConfig {
  int64_t heads = 0, headDim = 0, channels = 0, outChannels = 0, layers = 0;
  int64_t sampleSize = 0, patch = 0, classes = 0;
  bool attentionBias = true;
  double normEps = 1e-5;

  int64_t width() const { return heads * headDim; }
  int64_t side() const { return sampleSize / patch; }
  int64_t tokens() const { return side() * side(); }
};

} // namespace

static StatusOr<DitConfig> readConfig(const std::string &path) {
  LOWBIT_ASSIGN_OR_RETURN(llvm::json::Object json, readJson(path));
  auto name = json.getString("_class_name");
  if (!name || *name != "DiTTransformer2DModel")
    return unimplemented("'%s': diffusers class '%s' is not supported; "
                         "DiTTransformer2DModel is",
                         path.c_str(), name ? name->str().c_str() : "none");
  DitConfig config;
  std::string mistake;
  auto isAbsent = [&](const char *key) {
    const llvm::json::Value *value = json.get(key);
    return !value || value->getAsNull();
  };
  auto expectType = [&](const char *key, bool fits, const char *type) {
    if (!fits && !isAbsent(key) && mistake.empty())
      mistake = ::lowbit::formatString("requires '%s' to be %s", key, type);
  };
  auto read = [&](const char *key, int64_t &value, int64_t low, int64_t high,
                  std::optional<int64_t> fallback = std::nullopt) {
    auto found = json.getInteger(key);
    value = found ? *found : isAbsent(key) ? fallback.value_or(low - 1) : low - 1;
    if ((value < low || value > high) && mistake.empty())
      mistake = ::lowbit::formatString("requires '%s' of %lld to %lld", key,
                                       static_cast<long long>(low),
                                       static_cast<long long>(high));
  };
  read("num_attention_heads", config.heads, 1, 1024, 16);
  read("attention_head_dim", config.headDim, 1, 512, 72);
  read("in_channels", config.channels, 1, 1024, 4);
  read("out_channels", config.outChannels, 1, 2048, config.channels);
  read("num_layers", config.layers, 1, 1024, 28);
  read("sample_size", config.sampleSize, 1, 4096, 32);
  read("patch_size", config.patch, 1, 256, 2);
  read("num_embeds_ada_norm", config.classes, 1, 1000000, 1000);
  config.attentionBias = json.getBoolean("attention_bias").value_or(true);
  config.normEps = json.getNumber("norm_eps").value_or(1e-5);
  expectType("attention_bias", json.getBoolean("attention_bias").has_value(),
             "true or false");
  expectType("norm_eps", json.getNumber("norm_eps").has_value(), "a number");
  expectType("norm_elementwise_affine",
             json.getBoolean("norm_elementwise_affine").has_value(), "true or false");
  auto expect = [&](const char *key, StringRef value) {
    auto found = json.getString(key);
    expectType(key, found.has_value(), "a string");
    if (found && *found != value && mistake.empty())
      mistake = (Twine("requires '") + key + "' to be \"" + value + "\", got \"" +
                 *found + "\"").str();
  };
  expect("activation_fn", "gelu-approximate");
  expect("norm_type", "ada_norm_zero");
  if (json.getBoolean("norm_elementwise_affine").value_or(false) && mistake.empty())
    mistake = "requires 'norm_elementwise_affine' to be false";
  if (mistake.empty() && config.sampleSize % config.patch != 0)
    mistake = "requires a patch size that divides the sample size";
  if (mistake.empty() && config.width() % 8 != 0)
    mistake = "requires a width (heads x head size) that is a multiple of 8";
  if (mistake.empty() && !(config.normEps > 0))
    mistake = "requires 'norm_eps' above 0";
  constexpr int64_t mostPositions = int64_t(1) << 28;
  if (mistake.empty() && config.tokens() > mostPositions / config.width())
    mistake = ::lowbit::formatString(
        "asks for position embeddings of %lld tokens x %lld, which are too many",
        static_cast<long long>(config.tokens()),
        static_cast<long long>(config.width()));
  if (!mistake.empty())
    return invalidArgument("'%s' %s", path.c_str(), mistake.c_str());
  return config;
}

//===----------------------------------------------------------------------===//
// The graph
//===----------------------------------------------------------------------===//

namespace {

/// Writes the description of one model.
class DitWriter {
public:
  /// `schedule` is the ddim part of the schedule op's text.
  DitWriter(const DitConfig &config, int64_t steps, std::string schedule)
      : config(config), steps(steps), schedule(std::move(schedule)) {}

  std::string write() {
    line("module {");
    writeParams();
    writePredict();
    line("lowbit.schedule @schedule ddim latent " + latent() + " steps " + text(steps) + " classes " +
         text(config.classes) + " null_label " + text(config.classes) +
         " features 256 shift 1.0 " + schedule);
    line("lowbit.denoise @denoise schedule @schedule variants [@predict] "
         "ranges [0, " + text(steps) + "]");
    line("}");
    return std::move(out);
  }

private:
  static std::string text(int64_t number) { return std::to_string(number); }
  static std::string rows(int64_t columns) {
    return "tensor<?x" + text(columns) + "xf32>";
  }
  static std::string matrix(int64_t n, int64_t k) {
    return "!lowbit.tensor<" + text(n) + "x" + text(k) +
           "xf32, #lowbit.leaf<fp<f32>>>";
  }
  static std::string vector(int64_t n) { return "tensor<" + text(n) + "xf32>"; }
  std::string latent() const {
    return "[" + text(config.channels) + ", " + text(config.sampleSize) + ", " +
           text(config.sampleSize) + "]";
  }
  void line(const std::string &textLine) { out += textLine + "\n"; }
  std::string fresh() { return "%v" + text(next++); }
  std::string define(const std::string &op) {
    std::string name = fresh();
    line(name + " = " + op);
    return name;
  }

  void param(const std::string &name, const std::string &type) {
    line("lowbit.param @\"" + name + "\" : " + type);
  }
  void linearParams(const std::string &name, int64_t n, int64_t k, bool bias = true) {
    param(name + ".weight", matrix(n, k));
    if (bias)
      param(name + ".bias", vector(n));
  }
  static std::string block(int64_t i) {
    return "transformer_blocks." + text(i) + ".";
  }

  void writeParams() {
    int64_t d = config.width();
    param("position_table", "tensor<" + text(config.tokens()) + "x" + text(d) + "xf32>");
    linearParams("pos_embed.proj", d, config.channels * config.patch * config.patch);
    for (int64_t i = 0; i < config.layers; ++i) {
      std::string b = block(i);
      linearParams(b + "norm1.emb.timestep_embedder.linear_1", d, 256);
      linearParams(b + "norm1.emb.timestep_embedder.linear_2", d, d);
      param(b + "norm1.emb.class_embedder.embedding_table.weight",
            matrix(config.classes + 1, d));
      linearParams(b + "norm1.linear", 6 * d, d);
      for (const char *name : {"to_q", "to_k", "to_v"})
        linearParams(b + "attn1." + name, d, d, config.attentionBias);
      linearParams(b + "attn1.to_out.0", d, d);
      linearParams(b + "ff.net.0.proj", 4 * d, d);
      linearParams(b + "ff.net.2", d, 4 * d);
    }
    linearParams("proj_out_1", 2 * d, d);
    linearParams("proj_out_2", config.outChannels * config.patch * config.patch, d);
  }

  std::string get(const std::string &name, const std::string &type) {
    return define("lowbit.get_param @\"" + name + "\" : " + type);
  }
  std::string linear(const std::string &input, const std::string &name, int64_t n,
                     int64_t k, bool bias = true) {
    std::string weight = get(name + ".weight", matrix(n, k));
    std::string with = bias ? " bias " + get(name + ".bias", vector(n)) + " : " + vector(n)
                            : "";
    return define("lowbit.matmul " + input + ", " + weight + with + " : " + rows(k) +
                  ", " + matrix(n, k) + " -> " + rows(n));
  }
  std::string activation(const char *kind, const std::string &input, int64_t columns) {
    return define(std::string("lowbit.activation ") + kind + " " + input + " : " +
                  rows(columns));
  }
  std::string elementwise(const char *op, const std::string &a, const std::string &b) {
    return define(std::string("arith.") + op + " " + a + ", " + b + " : " +
                  rows(config.width()));
  }

  /// SiLU of the block's embedding of time and label.
  std::string conditioning(int64_t i) {
    int64_t d = config.width();
    std::string emb = block(i) + "norm1.emb.";
    std::string t = linear("%time", emb + "timestep_embedder.linear_1", d, 256);
    t = linear(activation("silu", t, d), emb + "timestep_embedder.linear_2", d, d);
    std::string table =
        get(emb + "class_embedder.embedding_table.weight", matrix(config.classes + 1, d));
    std::string y = define("lowbit.gather_rows " + table + ", %label : " +
                           matrix(config.classes + 1, d) + ", tensor<?xi32> -> " + rows(d));
    return activation("silu", elementwise("addf", t, y), d);
  }

  /// Part `index` of a modulation, for each token of an image.
  std::string part(const std::string &modulation, int64_t index, int64_t parts) {
    int64_t d = config.width();
    return define("lowbit.repeat_rows " + modulation + " times " + text(config.tokens()) +
                  " from " + text(index * d) + " : " + rows(parts * d) + " -> " + rows(d));
  }
  std::string modulatedNorm(const std::string &input, const std::string &scale,
                            const std::string &shift, double eps) {
    std::string type = rows(config.width());
    return define("lowbit.norm layer " + input + " modulate " + scale + " : " + type +
                  ", " + shift + " : " + type + " eps " +
                  ::lowbit::formatString("%.9e", eps) + " : " + type);
  }

  std::string writeBlock(int64_t i, const std::string &h) {
    int64_t d = config.width();
    std::string b = block(i), type = rows(d);
    std::string m = linear(conditioning(i), b + "norm1.linear", 6 * d, d);
    std::string n = modulatedNorm(h, part(m, 1, 6), part(m, 0, 6), 1e-6);
    std::string q = linear(n, b + "attn1.to_q", d, d, config.attentionBias);
    std::string k = linear(n, b + "attn1.to_k", d, d, config.attentionBias);
    std::string v = linear(n, b + "attn1.to_v", d, d, config.attentionBias);
    double scale = 1.0 / std::sqrt(static_cast<double>(config.headDim));
    std::string a = define(
        "lowbit.attention none " + q + " keys " + k + " values " + v + " : " + type +
        ", " + type + " heads " + text(config.heads) + " scale " +
        ::lowbit::formatString("%.9e", scale) + " kv_heads " + text(config.heads) +
        " sequence " + text(config.tokens()) + " : " + type);
    std::string o = linear(a, b + "attn1.to_out.0", d, d);
    std::string h1 = elementwise("addf", elementwise("mulf", part(m, 2, 6), o), h);
    n = modulatedNorm(h1, part(m, 4, 6), part(m, 3, 6), config.normEps);
    std::string u = linear(n, b + "ff.net.0.proj", 4 * d, d);
    std::string f = linear(activation("gelu_tanh", u, 4 * d), b + "ff.net.2", d, 4 * d);
    return elementwise("addf", elementwise("mulf", part(m, 5, 6), f), h1);
  }

  void writePredict() {
    int64_t d = config.width(), pixels = config.sampleSize * config.sampleSize;
    int64_t in = config.channels * pixels, out = config.outChannels * pixels;
    int64_t inPatch = config.channels * config.patch * config.patch;
    int64_t outPatch = config.outChannels * config.patch * config.patch;
    line("func.func @predict(%latent: " + rows(in) + " {lowbit.name = \"latent\"}, " +
         "%time: " + rows(256) + " {lowbit.name = \"time\"}, " +
         "%label: tensor<?xi32> {lowbit.name = \"label\"}) -> " + rows(out) + " {");
    std::string table = "tensor<" + text(config.tokens()) + "x" + text(d) + "xf32>";
    std::string x = define("lowbit.patchify %latent image " + latent() + " patch " +
                           text(config.patch) + " : " + rows(in) + " -> " + rows(inPatch));
    x = linear(x, "pos_embed.proj", d, inPatch);
    std::string positions =
        define("lowbit.cycle_rows " + get("position_table", table) + " like " + x + " : " +
               table + ", " + rows(d));
    std::string h = elementwise("addf", x, positions);
    for (int64_t i = 0; i < config.layers; ++i)
      h = writeBlock(i, h);
    std::string m = linear(conditioning(0), "proj_out_1", 2 * d, d);
    std::string n = modulatedNorm(h, part(m, 1, 2), part(m, 0, 2), 1e-6);
    std::string o = linear(n, "proj_out_2", outPatch, d);
    std::string image = "[" + text(config.outChannels) + ", " + text(config.sampleSize) +
                        ", " + text(config.sampleSize) + "]";
    std::string y = define("lowbit.unpatchify " + o + " image " + image + " patch " +
                           text(config.patch) + " channels_last : " + rows(outPatch) +
                           " -> " + rows(out));
    line("return " + y + " : " + rows(out));
    line("}");
  }

  const DitConfig &config;
  int64_t steps;
  std::string schedule, out;
  int64_t next = 0;
};

} // namespace

/// Steps of a loop where the command line does not say.
static constexpr int64_t usualSteps = 50;

/// Position embeddings [tokens][width]: sines and cosines of the column, then of
/// the row, in f64, rounded once (get_2d_sincos_pos_embed).
static std::vector<uint8_t> positionTable(const DitConfig &config) {
  int64_t d = config.width(), quarter = d / 4, side = config.side();
  std::vector<float> table(static_cast<size_t>(config.tokens() * d));
  for (int64_t y = 0; y < side; ++y)
    for (int64_t x = 0; x < side; ++x) {
      float *row = table.data() + (y * side + x) * d;
      for (int64_t i = 0; i < quarter; ++i) {
        double omega = 1.0 / std::pow(10000.0, static_cast<double>(i) / quarter);
        row[i] = static_cast<float>(std::sin(x * omega));
        row[quarter + i] = static_cast<float>(std::cos(x * omega));
        row[2 * quarter + i] = static_cast<float>(std::sin(y * omega));
        row[3 * quarter + i] = static_cast<float>(std::cos(y * omega));
      }
    }
  std::vector<uint8_t> bytes(table.size() * sizeof(float));
  std::memcpy(bytes.data(), table.data(), bytes.size());
  return bytes;
}

//===----------------------------------------------------------------------===//
// The folder
//===----------------------------------------------------------------------===//

namespace {

/// What the schedule op needs of scheduler_config.json.
struct DdimConfig {
  int64_t trainSteps = 1000, offset = 0;
  double betaStart = 1e-4, betaEnd = 0.02;

  std::string text() const {
    return ::lowbit::formatString(
        "train_steps %lld beta_start %.17e beta_end %.17e spacing_offset %lld",
        static_cast<long long>(trainSteps), betaStart, betaEnd,
        static_cast<long long>(offset));
  }
};

} // namespace

/// DDIMScheduler's configuration. Every key counts: one that is not known, or has a
/// value that the loop does not follow, is refused, because its images would be
/// others. A key that is absent has the default of diffusers (`clip_sample` is
/// true); without the file the schedule is that of DiT.
static StatusOr<DdimConfig> readSchedule(const std::string &path) {
  DdimConfig config;
  if (!llvm::sys::fs::exists(path))
    return config;
  LOWBIT_ASSIGN_OR_RETURN(llvm::json::Object json, readJson(path));
  auto printed = [](const llvm::json::Value &value) {
    return llvm::formatv("{0}", value).str().substr(0, 80);
  };
  // Keys of one supported value, and what diffusers takes where they are absent.
  const struct {
    const char *key;
    llvm::json::Value supported, fallback;
  } fixed[] = {{"_class_name", "DDIMScheduler", "DDIMScheduler"},
               {"beta_schedule", "linear", "linear"},
               {"prediction_type", "epsilon", "epsilon"},
               {"clip_sample", false, true},
               {"set_alpha_to_one", true, true},
               {"thresholding", false, false},
               {"rescale_betas_zero_snr", false, false},
               {"timestep_spacing", "leading", "leading"},
               {"trained_betas", nullptr, nullptr}};
  llvm::StringSet<> known = {"num_train_timesteps", "beta_start", "beta_end",
                             "steps_offset",
                             // Read only with clip_sample or thresholding.
                             "clip_sample_range", "dynamic_thresholding_ratio",
                             "sample_max_value"};
  for (const auto &[key, supported, fallback] : fixed) {
    known.insert(key);
    const llvm::json::Value *found = json.get(key);
    const llvm::json::Value &value = found ? *found : fallback;
    if (!(value == supported))
      return unimplemented("'%s': '%s' is %s%s; only %s is supported", path.c_str(), key,
                           printed(value).c_str(), found ? "" : " by default",
                           printed(supported).c_str());
  }
  for (const auto &[key, value] : json)
    if (!known.contains(key) && !key.str().starts_with("_"))
      return unimplemented("'%s': %s is not a key of DDIMScheduler", path.c_str(),
                           printed(llvm::json::Value(key.str())).c_str());
  std::string mistake;
  auto integer = [&](const char *key, int64_t &value, int64_t low, int64_t high) {
    if (json.get(key))
      value = json.getInteger(key).value_or(low - 1);
    if ((value < low || value > high) && mistake.empty())
      mistake = ::lowbit::formatString("'%s' is not a whole number of %lld to %lld", key,
                                       static_cast<long long>(low),
                                       static_cast<long long>(high));
  };
  integer("num_train_timesteps", config.trainSteps, 1, 100000);
  integer("steps_offset", config.offset, 0, config.trainSteps - 1);
  if (json.get("beta_start"))
    config.betaStart = json.getNumber("beta_start").value_or(0);
  if (json.get("beta_end"))
    config.betaEnd = json.getNumber("beta_end").value_or(0);
  if (mistake.empty() && !(config.betaStart > 0 && config.betaStart <= config.betaEnd &&
                           config.betaEnd < 1))
    mistake = "'beta_start' and 'beta_end' are not 0 < start <= end < 1";
  if (!mistake.empty())
    return invalidArgument("'%s': %s", path.c_str(), mistake.c_str());
  return config;
}

StatusOr<ImportedModel> mlir::lowbit::importDiffusers(const std::string &path,
                                                      MLIRContext &context) {
  context.loadDialect<LowbitDialect, arith::ArithDialect, func::FuncDialect>();
  bool pipeline = llvm::sys::fs::exists(joined(path, "model_index.json"));
  std::string folder = pipeline ? joined(path, "transformer") : path;
  LOWBIT_ASSIGN_OR_RETURN(DitConfig config, readConfig(joined(folder, "config.json")));
  LOWBIT_ASSIGN_OR_RETURN(
      DdimConfig schedule,
      readSchedule(pipeline ? joined(joined(path, "scheduler"), "scheduler_config.json")
                            : joined(path, "scheduler_config.json")));
  ImportedModel model;
  LOWBIT_ASSIGN_OR_RETURN(
      model.archive,
      ParameterArchive::open(joined(folder, "diffusion_pytorch_model.safetensors")));
  model.module = parseSourceString<ModuleOp>(
      DitWriter(config, std::min<int64_t>(usualSteps, schedule.trainSteps),
                schedule.text())
          .write(),
      ParserConfig(&context));
  if (!model.module)
    return ::lowbit::internalError("the graph of '%s' is not valid", folder.c_str());
  // The checkpoint's shapes are compared before the table that config.json asks for
  // is made.
  auto table = model.module->lookupSymbol<ParamOp>("position_table");
  table.setSourceAttr(ComputedSourceAttr::get(&context, 0, ""));
  LOWBIT_RETURN_IF_ERROR(
      bindParameters(*model.module, *model.archive, joined(folder, "config.json")));
  LOWBIT_ASSIGN_OR_RETURN(ComputedSourceAttr source,
                          model.archive->addComputed(&context, {positionTable(config)}));
  table.setSourceAttr(source);
  model.meta = {
      {"model.kind", "diffusion"},
      {"model.name", llvm::sys::path::filename(path).str()},
      {"model.architecture", "DiTTransformer2DModel"},
  };
  finishImport(model);
  return model;
}
