//===- Ledger.cpp - What was done to a model's numbers --------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compress/Ledger.h"
#include "lib/Import/JsonText.h"

#include "llvm/Support/raw_ostream.h"

#include <algorithm>

using namespace lowbit;
using namespace lowbit::compress;
namespace json = llvm::json;

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

/// Nine digits hold any f32 and read better than a double's seventeen.
static json::Value number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.9g", value);
  return std::strtod(text, nullptr);
}

static void set(json::Object &object, const char *key,
                const std::optional<double> &value) {
  if (value)
    object[key] = number(*value);
}

static void set(json::Object &object, const char *key,
                const std::string &text) {
  if (!text.empty())
    object[key] = json::fixUTF8(text);
}

static json::Object toObject(const LedgerParameter &parameter) {
  json::Object object;
  set(object, "name", parameter.name);
  object["shape"] = json::Array(parameter.shape);
  set(object, "encoding", parameter.encoding);
  object["bits_before"] = number(parameter.bitsBefore);
  object["bits_after"] = number(parameter.bitsAfter);
  object["sparsity"] = number(parameter.sparsity);
  object["weight_error"] = number(parameter.weightError);
  object["largest_error"] = number(parameter.largestError);
  set(object, "bound", parameter.bound);
  set(object, "output_error", parameter.outputError);
  set(object, "note", parameter.note);
  return object;
}

static json::Object toObject(const LedgerStep &step) {
  json::Object object;
  set(object, "pass", step.pass);
  set(object, "pipeline", step.pipeline);
  set(object, "exactness", step.exactness);
  set(object, "note", step.note);
  set(object, "bits_before", step.bitsBefore);
  set(object, "bits_after", step.bitsAfter);
  set(object, "sparsity", step.sparsity);
  set(object, "perplexity_before", step.perplexityBefore);
  set(object, "perplexity_after", step.perplexityAfter);
  set(object, "seconds", step.seconds);
  if (!step.metrics.empty()) {
    json::Object metrics;
    for (const auto &[name, value] : step.metrics)
      metrics[name] = number(value);
    object["metrics"] = std::move(metrics);
  }
  if (!step.parameters.empty()) {
    json::Array parameters;
    for (const LedgerParameter &parameter : step.parameters)
      parameters.push_back(toObject(parameter));
    object["parameters"] = std::move(parameters);
  }
  return object;
}

static std::string textOf(const json::Value &value) {
  std::string text;
  llvm::raw_string_ostream(text) << value;
  return text;
}

std::string lowbit::compress::toJson(const LedgerStep &step) {
  return textOf(toObject(step));
}

std::string
lowbit::compress::ledgerJson(const std::vector<LedgerStep> &steps) {
  std::string text = "{\"steps\":[";
  for (size_t i = 0; i < steps.size(); ++i)
    text += (i ? ",\n" : "\n") + toJson(steps[i]);
  return text + "\n]}\n";
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

static std::string getText(const json::Object &object, const char *key) {
  std::optional<llvm::StringRef> text = object.getString(key);
  return text ? text->str() : "";
}

static std::optional<double> getNumber(const json::Object &object,
                                       const char *key) {
  return object.getNumber(key);
}

static LedgerParameter parameterOf(const json::Object &object) {
  LedgerParameter parameter;
  parameter.name = getText(object, "name");
  if (const json::Array *shape = object.getArray("shape"))
    for (const json::Value &extent : *shape)
      parameter.shape.push_back(extent.getAsInteger().value_or(0));
  parameter.encoding = getText(object, "encoding");
  parameter.bitsBefore = getNumber(object, "bits_before").value_or(0);
  parameter.bitsAfter = getNumber(object, "bits_after").value_or(0);
  parameter.sparsity = getNumber(object, "sparsity").value_or(0);
  parameter.weightError = getNumber(object, "weight_error").value_or(0);
  parameter.largestError = getNumber(object, "largest_error").value_or(0);
  parameter.bound = getNumber(object, "bound");
  parameter.outputError = getNumber(object, "output_error");
  parameter.note = getText(object, "note");
  return parameter;
}

static StatusOr<LedgerStep> stepOf(const json::Value &value) {
  const json::Object *object = value.getAsObject();
  if (!object)
    return invalidArgument("a ledger step is not a JSON object");
  LedgerStep step;
  step.pass = getText(*object, "pass");
  step.pipeline = getText(*object, "pipeline");
  step.exactness = getText(*object, "exactness");
  step.note = getText(*object, "note");
  step.bitsBefore = getNumber(*object, "bits_before");
  step.bitsAfter = getNumber(*object, "bits_after");
  step.sparsity = getNumber(*object, "sparsity");
  step.perplexityBefore = getNumber(*object, "perplexity_before");
  step.perplexityAfter = getNumber(*object, "perplexity_after");
  step.seconds = getNumber(*object, "seconds");
  if (const json::Object *metrics = object->getObject("metrics"))
    for (const auto &[name, metric] : *metrics)
      if (std::optional<double> measured = metric.getAsNumber())
        step.metrics.emplace_back(name.str(), *measured);
  std::sort(step.metrics.begin(), step.metrics.end());
  if (const json::Array *parameters = object->getArray("parameters"))
    for (const json::Value &parameter : *parameters)
      if (const json::Object *fields = parameter.getAsObject())
        step.parameters.push_back(parameterOf(*fields));
  return step;
}

StatusOr<LedgerStep> lowbit::compress::parseLedgerStep(std::string_view text) {
  LOWBIT_ASSIGN_OR_RETURN(json::Value value,
                          import::parseJson(text, "the ledger step"));
  return stepOf(value);
}

StatusOr<std::vector<LedgerStep>>
lowbit::compress::parseLedger(std::string_view text) {
  std::vector<LedgerStep> steps;
  if (text.empty())
    return steps;
  LOWBIT_ASSIGN_OR_RETURN(json::Value value,
                          import::parseJson(text, "the ledger"));
  const json::Object *object = value.getAsObject();
  const json::Array *array = object ? object->getArray("steps") : nullptr;
  if (!array)
    return invalidArgument("the ledger has no array 'steps'");
  for (const json::Value &element : *array) {
    LOWBIT_ASSIGN_OR_RETURN(LedgerStep step, stepOf(element));
    steps.push_back(std::move(step));
  }
  return steps;
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

static std::string cell(const char *format,
                        const std::optional<double> &value) {
  return value ? formatString(format, *value) : "-";
}

static std::string parameterTable(const LedgerStep &step) {
  size_t width = 9;
  for (const LedgerParameter &parameter : step.parameters)
    width = std::max(width, parameter.name.size());
  std::string text = formatString(
      "    %-*s %12s %8s %8s %8s %9s %9s %9s %9s  %s\n",
      static_cast<int>(width), "parameter", "shape", "bits", "before", "zeros",
      "error", "largest", "bound", "output", "encoding");
  for (const LedgerParameter &parameter : step.parameters) {
    std::string shape;
    for (int64_t extent : parameter.shape)
      shape += (shape.empty() ? "" : "x") + std::to_string(extent);
    text += formatString(
        "    %-*s %12s %8.3f %8.3f %7.1f%% %9.5f %9.3g %9s %9s  %s%s%s\n",
        static_cast<int>(width), parameter.name.c_str(), shape.c_str(),
        parameter.bitsAfter, parameter.bitsBefore, 100 * parameter.sparsity,
        parameter.weightError, parameter.largestError,
        cell("%.3g", parameter.bound).c_str(),
        cell("%.5f", parameter.outputError).c_str(), parameter.encoding.c_str(),
        parameter.note.empty() ? "" : "; ", parameter.note.c_str());
  }
  return text;
}

std::string
lowbit::compress::ledgerText(const std::vector<LedgerStep> &steps) {
  std::string text = "ledger: bits are a weight of all matrices, metadata "
                     "included; errors are relative to what was before\n";
  for (size_t i = 0; i < steps.size(); ++i) {
    const LedgerStep &step = steps[i];
    text += formatString("%2zu  %s  %s\n", i, step.exactness.c_str(),
                         (step.pipeline.empty() ? step.pass : step.pipeline)
                             .c_str());
    std::string line;
    auto add = [&](const char *label, const std::string &value) {
      line += formatString("%s%s %s", line.empty() ? "" : ", ", label,
                           value.c_str());
    };
    if (step.bitsAfter)
      add("bits", cell("%.3f", step.bitsBefore) + " -> " +
                      cell("%.3f", step.bitsAfter));
    if (step.sparsity)
      add("zeros", formatString("%.1f%%", 100 * *step.sparsity));
    if (step.perplexityAfter)
      add("perplexity", cell("%.4f", step.perplexityBefore) + " -> " +
                            cell("%.4f", step.perplexityAfter));
    for (const auto &[name, value] : step.metrics)
      add(name.c_str(), formatString("%.6g", value));
    if (step.seconds)
      add("wall time", formatString("%.2f s", *step.seconds));
    if (!line.empty())
      text += "    " + line + "\n";
    if (!step.note.empty())
      text += "    note: " + step.note + "\n";
    if (!step.parameters.empty())
      text += parameterTable(step);
  }
  return text;
}
