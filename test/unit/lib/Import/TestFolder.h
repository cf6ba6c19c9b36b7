//===- TestFolder.h - Small checkpoints made by tests --------- -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TEST_UNIT_LIB_IMPORT_TESTFOLDER_H
#define LOWBIT_TEST_UNIT_LIB_IMPORT_TESTFOLDER_H

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <unistd.h>
#include <vector>

namespace lowbit::test {

struct TestTensor {
  std::string name;
  std::string dtype;
  std::vector<int64_t> shape;
  std::vector<uint8_t> bytes;
};

inline int64_t countOf(const std::vector<int64_t> &shape) {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

/// Seeded numbers; the same on every run.
class TestNumbers {
public:
  std::vector<uint8_t> floats(int64_t count) {
    std::vector<float> values(count);
    std::uniform_real_distribution<float> range(-1.0f, 1.0f);
    for (float &value : values)
      value = range(engine);
    std::vector<uint8_t> bytes(count * sizeof(float));
    std::memcpy(bytes.data(), values.data(), bytes.size());
    return bytes;
  }
  /// Two-bit fields 0, 1, 2: packed ternary.
  std::vector<uint8_t> ternary(int64_t count) {
    std::vector<uint8_t> bytes(count, 0);
    for (uint8_t &byte : bytes)
      for (int shift = 0; shift < 8; shift += 2)
        byte |= static_cast<uint8_t>((engine() % 3) << shift);
    return bytes;
  }

private:
  std::mt19937 engine{1};
};

/// Writes one safetensors file.
inline void writeSafetensors(const std::string &path,
                             const std::vector<TestTensor> &tensors) {
  std::string header = "{", data;
  for (const TestTensor &tensor : tensors) {
    if (header.size() > 1)
      header += ",";
    header += "\"" + tensor.name + "\":{\"dtype\":\"" + tensor.dtype +
              "\",\"shape\":[";
    for (size_t i = 0; i < tensor.shape.size(); ++i)
      header += (i ? "," : "") + std::to_string(tensor.shape[i]);
    header += "],\"data_offsets\":[" + std::to_string(data.size()) + ",";
    data.append(reinterpret_cast<const char *>(tensor.bytes.data()),
                tensor.bytes.size());
    header += std::to_string(data.size()) + "]}";
  }
  header += "}";
  while (header.size() % 8 != 0)
    header += " ";
  std::ofstream file(path, std::ios::binary);
  uint64_t size = header.size();
  file.write(reinterpret_cast<const char *>(&size), 8);
  file << header << data;
}

/// A temporary folder, removed at the end.
class TestFolder {
public:
  explicit TestFolder(const std::string &name)
      : root(std::filesystem::temp_directory_path() /
             (name + "-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(root);
  }
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(root, ignored);
  }
  std::string path(const std::string &file = "") const {
    return file.empty() ? root.string() : (root / file).string();
  }
  void write(const std::string &file, const std::string &text) const {
    std::ofstream(path(file), std::ios::binary) << text;
  }

private:
  std::filesystem::path root;
};

/// The sizes and extras of a small decoder written as a Hugging Face folder.
struct TestModel {
  int64_t hidden = 24, inner = 40, heads = 3, kvHeads = 1, headDim = 8;
  int64_t layers = 2, vocabulary = 16, context = 64;
  std::string architecture = "LlamaForCausalLM", type = "llama";
  std::string activation = "silu";
  std::string extra; ///< more JSON members, each with a leading comma
  bool tied = false;
  bool qkvBias = false;
  bool subNorms = false;
  bool packed = false;
  std::vector<TestTensor> tensors;

  std::string config() const {
    auto number = [](int64_t value) { return std::to_string(value); };
    return "{\"architectures\":[\"" + architecture + "\"],\"model_type\":\"" +
           type + "\",\"hidden_size\":" + number(hidden) +
           ",\"intermediate_size\":" + number(inner) +
           ",\"num_hidden_layers\":" + number(layers) +
           ",\"num_attention_heads\":" + number(heads) +
           ",\"num_key_value_heads\":" + number(kvHeads) +
           ",\"head_dim\":" + number(headDim) + ",\"hidden_act\":\"" +
           activation + "\",\"rms_norm_eps\":1e-05,\"rope_theta\":10000.0" +
           ",\"max_position_embeddings\":" + number(context) +
           ",\"vocab_size\":" + number(vocabulary) +
           ",\"tie_word_embeddings\":" + (tied ? "true" : "false") + extra +
           "}";
  }

  void add(const std::string &name, std::vector<int64_t> shape) {
    TestTensor tensor{name, "F32", std::move(shape), {}};
    tensor.bytes = numbers.floats(countOf(tensor.shape));
    tensors.push_back(std::move(tensor));
  }
  void addLinear(const std::string &name, int64_t rows, int64_t columns) {
    if (!packed)
      return add(name + ".weight", {rows, columns});
    TestTensor tensor{name + ".weight", "U8", {rows / 4, columns}, {}};
    tensor.bytes = numbers.ternary(countOf(tensor.shape));
    tensors.push_back(std::move(tensor));
    add(name + ".weight_scale", {1});
  }

  /// Fills `tensors` with what the configuration asks for.
  void addAll() {
    add("model.embed_tokens.weight", {vocabulary, hidden});
    add("model.norm.weight", {hidden});
    if (!tied)
      add("lm_head.weight", {vocabulary, hidden});
    for (int64_t i = 0; i < layers; ++i) {
      std::string layer = "model.layers." + std::to_string(i) + ".";
      std::string attention = layer + "self_attn.", mlp = layer + "mlp.";
      int64_t queries = heads * headDim, keys = kvHeads * headDim;
      add(layer + "input_layernorm.weight", {hidden});
      add(layer + "post_attention_layernorm.weight", {hidden});
      addLinear(attention + "q_proj", queries, hidden);
      addLinear(attention + "k_proj", keys, hidden);
      addLinear(attention + "v_proj", keys, hidden);
      addLinear(attention + "o_proj", hidden, queries);
      addLinear(mlp + "gate_proj", inner, hidden);
      addLinear(mlp + "up_proj", inner, hidden);
      addLinear(mlp + "down_proj", hidden, inner);
      if (qkvBias) {
        add(attention + "q_proj.bias", {queries});
        add(attention + "k_proj.bias", {keys});
        add(attention + "v_proj.bias", {keys});
      }
      if (subNorms) {
        add(attention + "attn_sub_norm.weight", {hidden});
        add(mlp + "ffn_sub_norm.weight", {inner});
      }
    }
  }

  void remove(const std::string &name) {
    std::erase_if(
        tensors, [&](const TestTensor &tensor) { return tensor.name == name; });
  }
  TestTensor &find(const std::string &name) {
    for (TestTensor &tensor : tensors)
      if (tensor.name == name)
        return tensor;
    std::abort();
  }

  void writeTo(const TestFolder &folder) const {
    folder.write("config.json", config());
    writeSafetensors(folder.path("model.safetensors"), tensors);
  }

private:
  TestNumbers numbers;
};

} // namespace lowbit::test

#endif // LOWBIT_TEST_UNIT_LIB_IMPORT_TESTFOLDER_H
