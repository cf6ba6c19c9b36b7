//===- ModelSlots.cpp - Which tensors a model needs, and finding them -----===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/ModelSlots.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

#include <cmath>

using namespace mlir;
using namespace mlir::lowbit;
using namespace ::lowbit::import;
using ::lowbit::formatString;
using ::lowbit::invalidArgument;
using ::lowbit::SourceLayout;
using ::lowbit::Status;
using ::lowbit::StatusOr;
using ::lowbit::unimplemented;

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

namespace {

/// Names of one role: our symbol, and the tensor's name after the layer's
/// prefix.
struct RoleNames {
  const char *symbol;
  const char *gguf;
  const char *huggingFace;
};

} // namespace

static constexpr RoleNames layerNames[numLayerRoles] = {
    {"attn_norm", "attn_norm.weight", "input_layernorm.weight"},
    {"q", "attn_q.weight", "self_attn.q_proj.weight"},
    {"q_bias", "attn_q.bias", "self_attn.q_proj.bias"},
    {"k", "attn_k.weight", "self_attn.k_proj.weight"},
    {"k_bias", "attn_k.bias", "self_attn.k_proj.bias"},
    {"v", "attn_v.weight", "self_attn.v_proj.weight"},
    {"v_bias", "attn_v.bias", "self_attn.v_proj.bias"},
    {"attn_sub_norm", "attn_sub_norm.weight", "self_attn.attn_sub_norm.weight"},
    {"o", "attn_output.weight", "self_attn.o_proj.weight"},
    {"o_bias", "attn_output.bias", "self_attn.o_proj.bias"},
    {"ffn_norm", "ffn_norm.weight", "post_attention_layernorm.weight"},
    {"gate", "ffn_gate.weight", "mlp.gate_proj.weight"},
    {"gate_bias", "ffn_gate.bias", "mlp.gate_proj.bias"},
    {"up", "ffn_up.weight", "mlp.up_proj.weight"},
    {"up_bias", "ffn_up.bias", "mlp.up_proj.bias"},
    {"ffn_sub_norm", "ffn_sub_norm.weight", "mlp.ffn_sub_norm.weight"},
    {"down", "ffn_down.weight", "mlp.down_proj.weight"},
    {"down_bias", "ffn_down.bias", "mlp.down_proj.bias"},
};
static constexpr RoleNames embeddingNames = {
    "token_embedding", "token_embd.weight", "model.embed_tokens.weight"};
static constexpr RoleNames outputNormNames = {
    "output_norm", "output_norm.weight", "model.norm.weight"};
static constexpr RoleNames outputNames = {"output", "output.weight",
                                          "lm_head.weight"};

/// Tensors that every reader computes itself, and the rotary divisors, which
/// the configuration states by now (RopeFrequencies.h).
static bool isComputed(StringRef tensor) {
  return tensor == "rope_freqs.weight" ||
         tensor.ends_with("rotary_emb.inv_freq") ||
         tensor.ends_with("attn_rot_embd") ||
         tensor.ends_with("self_attn.masked_bias");
}

/// A name from the file for an error: in quotes, one line, not too long.
static std::string quoted(StringRef name) {
  constexpr size_t longest = 120;
  std::string text = "'";
  llvm::raw_string_ostream stream(text);
  llvm::printEscapedString(name.take_front(longest), stream);
  return text + (name.size() > longest ? "...'" : "'");
}

//===----------------------------------------------------------------------===//
// Configuration
//===----------------------------------------------------------------------===//

Status mlir::lowbit::checkImportable(const ModelConfig &config,
                                     const Checkpoint &checkpoint) {
  const char *source = config.source.c_str();
  auto number = [](int64_t value) { return static_cast<long long>(value); };
  // The limit of a cache's type.
  if (config.kvHeads > (1 << 20))
    return invalidArgument("'%s': at most 2^20 key/value heads are supported, "
                           "got %lld",
                           source, number(config.kvHeads));
  if (!(static_cast<float>(config.rmsEps) > 0.0f) ||
      !std::isfinite(static_cast<float>(config.rmsEps)))
    return invalidArgument("'%s': the norm's epsilon must be a positive f32, "
                           "got %g",
                           source, config.rmsEps);
  const int64_t tensors = static_cast<int64_t>(checkpoint.tensors().size());
  if (config.layers > tensors)
    return invalidArgument("'%s': %lld layers, but '%s' has only %lld tensors",
                           source, number(config.layers),
                           checkpoint.path().c_str(), number(tensors));
  if (config.activation != Activation::silu &&
      config.activation != Activation::relu2 &&
      config.activation != Activation::geluTanh)
    return unimplemented(
        "'%s': the activation function of the feed-forward part "
        "is not supported; silu, relu2 and gelu_tanh are",
        source);
  if (config.bitnet && config.bitnet->mode == "online")
    return unimplemented(
        "'%s': quantization_mode 'online' (weights quantized at "
        "every call) is not supported; export the model with "
        "packed weights",
        source);
  if (config.bitnet && config.bitnet->useRmsNorm)
    return unimplemented("'%s': quantization_config with use_rms_norm (a norm "
                         "inside every linear layer) is not supported",
                         source);
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Resolving
//===----------------------------------------------------------------------===//

namespace {

class SlotResolver {
public:
  SlotResolver(const ModelConfig &config, const Checkpoint &checkpoint,
               MLIRContext *context)
      : config(config), checkpoint(checkpoint), builder(context) {}

  StatusOr<ModelSlots> run();

private:
  std::string nameOf(const RoleNames &names, int64_t layer) const;
  Slot named(const RoleNames &names, int64_t layer) const;
  std::optional<StoredTensor> claim(const std::string &name,
                                    ArrayRef<int64_t> expected);
  Slot vector(const RoleNames &names, int64_t layer, int64_t size);
  Slot matrix(const RoleNames &names, int64_t layer, int64_t rows,
              int64_t columns);
  Slot packedMatrix(Slot slot, int64_t rows, int64_t columns);
  void setMatrix(Slot &slot, const SourceLayout &layout, int64_t rows,
                 int64_t columns, StringAttr scale, bool invert);
  LayerSlots layer(int64_t index);
  bool isPacked(StringRef tensor) const;
  void findLeftOver(bool tied);
  Status problems() const;

  const ModelConfig &config;
  const Checkpoint &checkpoint;
  Builder builder;
  llvm::StringSet<> used;
  std::vector<std::string> missing, misshapen, leftOver;
};

} // namespace

std::string SlotResolver::nameOf(const RoleNames &names, int64_t layer) const {
  bool gguf = checkpoint.kind() == CheckpointKind::gguf;
  std::string name = gguf ? names.gguf : names.huggingFace;
  if (layer < 0)
    return name;
  return (gguf ? "blk." : "model.layers.") + std::to_string(layer) + "." + name;
}

Slot SlotResolver::named(const RoleNames &names, int64_t layer) const {
  Slot slot;
  slot.tensor = nameOf(names, layer);
  slot.symbol = layer < 0 ? std::string(names.symbol)
                          : "l" + std::to_string(layer) + "." + names.symbol;
  return slot;
}

/// The tensor `name` of shape `expected`, or a note of what is wrong with it.
std::optional<StoredTensor> SlotResolver::claim(const std::string &name,
                                                ArrayRef<int64_t> expected) {
  std::optional<StoredTensor> tensor = checkpoint.find(name);
  std::string text = shapeText({expected.data(), expected.size()});
  if (!tensor) {
    missing.push_back("'" + name + "' " + text);
    return std::nullopt;
  }
  used.insert(name);
  if (ArrayRef<int64_t>(tensor->shape.data(), tensor->shape.size()) !=
      expected) {
    misshapen.push_back("'" + name + "' is " + shapeText(tensor->shape) +
                        ", expected " + text);
    return std::nullopt;
  }
  return tensor;
}

Slot SlotResolver::vector(const RoleNames &names, int64_t layer, int64_t size) {
  Slot slot = named(names, layer);
  std::optional<StoredTensor> tensor = claim(slot.tensor, {size});
  if (!tensor)
    return slot;
  // Norms and biases in a block format decode exactly, but no converter writes
  // them: one that does has another meaning for the tensor.
  if (!tensor->layout || !tensor->layout->code.number.isFloat()) {
    misshapen.push_back("'" + slot.tensor + "' is stored as " +
                        std::string(tensor->type) + ", expected a float type");
    return slot;
  }
  slot.type = RankedTensorType::get({size}, builder.getF32Type());
  slot.source = FileSourceAttr::get(builder.getContext(), slot.tensor,
                                    tensor->layout->name, StringAttr(), false);
  slot.elements = size;
  return slot;
}

void SlotResolver::setMatrix(Slot &slot, const SourceLayout &layout,
                             int64_t rows, int64_t columns, StringAttr scale,
                             bool invert) {
  StatusOr<::lowbit::LeafDesc> leaf = ::lowbit::leafOf(layout, rows, columns);
  if (!leaf.isOk()) {
    misshapen.push_back("'" + slot.tensor + "': " + leaf.status().message());
    return;
  }
  MLIRContext *context = builder.getContext();
  std::string reason;
  ScopedDiagnosticHandler collect(
      context, [&](Diagnostic &diagnostic) { reason += diagnostic.str(); });
  Type type = LowbitTensorType::getChecked(
      [&] { return emitError(UnknownLoc::get(context)); }, context,
      ArrayRef<int64_t>{rows, columns}, Type(builder.getF32Type()),
      getLeafAttr(context, *leaf, /*withLayout=*/false));
  if (!type) {
    misshapen.push_back("'" + slot.tensor + "': " + reason);
    return;
  }
  slot.type = type;
  slot.source =
      FileSourceAttr::get(context, slot.tensor, layout.name, scale, invert);
  slot.elements = rows * columns;
}

/// Transformers converts every linear layer whose path contains none of the
/// strings of modules_to_not_convert; the head is never converted.
bool SlotResolver::isPacked(StringRef tensor) const {
  if (!config.bitnet || tensor == outputNames.huggingFace ||
      tensor == embeddingNames.huggingFace)
    return false;
  StringRef module = tensor;
  module.consume_back(".weight");
  for (const std::string &key : config.bitnet->notConverted)
    if (!key.empty() && module.contains(key))
      return false;
  return true;
}

Slot SlotResolver::packedMatrix(Slot slot, int64_t rows, int64_t columns) {
  std::string scaleName =
      StringRef(slot.tensor).drop_back(StringRef(".weight").size()).str() +
      ".weight_scale";
  std::optional<StoredTensor> tensor =
      claim(slot.tensor, {(rows + 3) / 4, columns});
  std::optional<StoredTensor> scale = checkpoint.find(scaleName);
  used.insert(scaleName);
  if (!scale)
    missing.push_back("'" + scaleName + "' [1]");
  else if (scale->shape.size() > 1 ||
           (scale->shape.size() == 1 && scale->shape[0] != 1))
    misshapen.push_back("'" + scaleName + "' is " + shapeText(scale->shape) +
                        ", expected [1]");
  else if (!scale->layout || !scale->layout->code.number.isFloat())
    misshapen.push_back("'" + scaleName + "' is stored as " +
                        std::string(scale->type) + ", expected a float type");
  if (!tensor || !scale)
    return slot;
  if (tensor->type != "U8") {
    misshapen.push_back("'" + slot.tensor + "' is stored as " +
                        std::string(tensor->type) +
                        ", expected U8 (packed ternary)");
    return slot;
  }
  slot.int8Input = true;
  setMatrix(slot, *::lowbit::findSourceLayout("BITNET"), rows, columns,
            builder.getStringAttr(scaleName), !config.bitnet->scaleMultiplies);
  return slot;
}

Slot SlotResolver::matrix(const RoleNames &names, int64_t layer, int64_t rows,
                          int64_t columns) {
  Slot slot = named(names, layer);
  if (isPacked(slot.tensor))
    return packedMatrix(std::move(slot), rows, columns);
  std::optional<StoredTensor> tensor = claim(slot.tensor, {rows, columns});
  if (!tensor)
    return slot;
  // I8 has numbers, but without a scale no weight is meant by them.
  if (!tensor->layout || tensor->type == "I8") {
    misshapen.push_back("'" + slot.tensor + "' is stored as " +
                        std::string(tensor->type) + ", expected a float type");
    return slot;
  }
  setMatrix(slot, *tensor->layout, rows, columns, StringAttr(), false);
  return slot;
}

LayerSlots SlotResolver::layer(int64_t index) {
  const int64_t hidden = config.hiddenSize, inner = config.intermediateSize;
  const int64_t queries = config.heads * config.headDim;
  const int64_t keys = config.kvHeads * config.headDim;
  LayerSlots slots;
  auto addMatrix = [&](LayerRole role, int64_t rows, int64_t columns) {
    slots[role] =
        matrix(layerNames[static_cast<unsigned>(role)], index, rows, columns);
  };
  auto addVector = [&](LayerRole role, int64_t size, bool present = true) {
    if (present)
      slots[role] =
          vector(layerNames[static_cast<unsigned>(role)], index, size);
  };
  const bool subNorms = config.family == ModelFamily::bitnet;
  addVector(LayerRole::attnNorm, hidden);
  addMatrix(LayerRole::q, queries, hidden);
  addVector(LayerRole::qBias, queries, config.attentionBias);
  addMatrix(LayerRole::k, keys, hidden);
  addVector(LayerRole::kBias, keys, config.attentionBias);
  addMatrix(LayerRole::v, keys, hidden);
  addVector(LayerRole::vBias, keys, config.attentionBias);
  addVector(LayerRole::attnSubNorm, queries, subNorms);
  addMatrix(LayerRole::o, hidden, queries);
  addVector(LayerRole::oBias, hidden, config.attentionOutputBias);
  addVector(LayerRole::ffnNorm, hidden);
  addMatrix(LayerRole::gate, inner, hidden);
  addVector(LayerRole::gateBias, inner, config.mlpBias);
  addMatrix(LayerRole::up, inner, hidden);
  addVector(LayerRole::upBias, inner, config.mlpBias);
  addVector(LayerRole::ffnSubNorm, inner, subNorms);
  addMatrix(LayerRole::down, hidden, inner);
  addVector(LayerRole::downBias, hidden, config.mlpBias);
  if (config.slidingWindow > 0 && index >= config.slidingWindowFromLayer)
    slots.window = config.slidingWindow;
  return slots;
}

void SlotResolver::findLeftOver(bool tied) {
  for (const StoredTensor &tensor : checkpoint.tensors()) {
    StringRef name(tensor.name.data(), tensor.name.size());
    if (used.contains(name) || isComputed(name))
      continue;
    // A tied head may be stored a second time; transformers ignores it.
    if (tied && name == nameOf(outputNames, -1))
      continue;
    leftOver.push_back(quoted(name) + " " + shapeText(tensor.shape));
  }
}

/// "2 tensors are missing: 'a' [1], 'b' [2]", or nothing. Long lists are cut.
static std::string listOf(const std::vector<std::string> &items,
                          const char *one, const char *many) {
  if (items.empty())
    return "";
  constexpr size_t shown = 12;
  std::string text = items.size() == 1 ? one : formatString(many, items.size());
  for (size_t i = 0; i < std::min(items.size(), shown); ++i)
    text += (i == 0 ? " " : ", ") + items[i];
  if (items.size() > shown)
    text += formatString(" and %zu more", items.size() - shown);
  return text;
}

Status SlotResolver::problems() const {
  std::string text;
  for (const std::string &part :
       {listOf(missing, "missing tensor", "%zu missing tensors:"),
        listOf(misshapen, "unfit tensor", "%zu unfit tensors:"),
        listOf(leftOver, "left-over tensor", "%zu left-over tensors:")})
    if (!part.empty())
      text += (text.empty() ? "" : "; ") + part;
  if (text.empty())
    return Status::success();
  return Status(::lowbit::StatusCode::invalidArgument,
                "the tensors of '" + checkpoint.path() +
                    "' are not those of the model in '" + config.source +
                    "' (" + modelFamilyName(config.family) + "): " + text);
}

StatusOr<ModelSlots> SlotResolver::run() {
  ModelSlots slots;
  const bool tied = checkpoint.kind() == CheckpointKind::gguf
                        ? !checkpoint.find(outputNames.gguf)
                        : config.tieEmbeddings;
  slots.embedding =
      matrix(embeddingNames, -1, config.vocabSize, config.hiddenSize);
  slots.outputNorm = vector(outputNormNames, -1, config.hiddenSize);
  if (!tied)
    slots.output = matrix(outputNames, -1, config.vocabSize, config.hiddenSize);
  for (int64_t i = 0; i < config.layers; ++i)
    slots.layers.push_back(layer(i));
  findLeftOver(tied);
  LOWBIT_RETURN_IF_ERROR(problems());
  return slots;
}

StatusOr<ModelSlots>
mlir::lowbit::resolveModelSlots(const ModelConfig &config,
                                const Checkpoint &checkpoint,
                                MLIRContext *context) {
  return SlotResolver(config, checkpoint, context).run();
}
