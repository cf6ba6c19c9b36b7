//===- DiffusionOps.cpp - Verifiers of images, tokens and schedules -------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Lowbit/IR/LowbitOps.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/SymbolTable.h"

#include <set>

using namespace mlir;
using namespace mlir::lowbit;

static int64_t columnsOf(Value rows) {
  return cast<RankedTensorType>(rows.getType()).getShape()[1];
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

LogicalResult RepeatRowsOp::verify() {
  int64_t from = columnsOf(getInput()), to = columnsOf(getResult());
  if (ShapedType::isDynamic(from) || ShapedType::isDynamic(to))
    return emitOpError("requires static numbers of columns");
  auto times = static_cast<int64_t>(getTimes()), first = static_cast<int64_t>(getFirst());
  if (times < 1 || times >= (int64_t(1) << 31))
    return emitOpError() << "requires 'times' of 1 to 2^31 - 1, got " << times;
  if (first < 0 || first > from || to > from - first)
    return emitOpError() << "requires " << to << " columns from column " << first
                         << " on, the input has " << from;
  return success();
}

LogicalResult CycleRowsOp::verify() {
  auto table = cast<RankedTensorType>(getTable().getType());
  if (!table.hasStaticShape() || table.getShape()[0] < 1)
    return emitOpError() << "requires a static table, got " << table;
  if (table.getShape()[1] != columnsOf(getResult()))
    return emitOpError() << "requires a table of " << columnsOf(getResult())
                         << " columns, got " << table.getShape()[1];
  return success();
}

/// Rule C2 of `concat_rows` and `slice_rows`: known rows are whole images, as many as
/// `images` says if something said so before.
static LogicalResult verifyWholeImages(Operation *op, Value value, int64_t rowsOfImage,
                                       std::optional<int64_t> &images) {
  int64_t rows = cast<RankedTensorType>(value.getType()).getShape()[0];
  if (ShapedType::isDynamic(rows))
    return success();
  if (rows % rowsOfImage != 0 || rows / rowsOfImage != images.value_or(rows / rowsOfImage))
    return op->emitOpError() << "requires rows of equally many whole images, got " << rows
                             << " rows where an image has " << rowsOfImage;
  images = rows / rowsOfImage;
  return success();
}

static constexpr int64_t mostRowsOfImage = (int64_t(1) << 31) - 1;

LogicalResult ConcatRowsOp::verify() {
  ArrayRef<int64_t> rows = getRows();
  if (getInputs().size() < 2 || rows.size() != getInputs().size())
    return emitOpError() << "requires two or more inputs and a number of rows for each, "
                            "got "
                         << getInputs().size() << " and " << rows.size();
  int64_t sum = 0, columns = columnsOf(getResult());
  if (ShapedType::isDynamic(columns))
    return emitOpError("requires static numbers of columns");
  std::optional<int64_t> images;
  for (auto [input, count] : llvm::zip(getInputs(), rows)) {
    if (columnsOf(input) != columns)
      return emitOpError() << "requires inputs of the result's " << columns
                           << " columns, got " << columnsOf(input);
    if (count < 1 || count > mostRowsOfImage - sum)
      return emitOpError() << "requires from 1 to 2^31 - 1 rows an image, got " << count;
    sum += count;
    if (failed(verifyWholeImages(*this, input, count, images)))
      return failure();
  }
  return verifyWholeImages(*this, getResult(), sum, images);
}

LogicalResult SliceRowsOp::verify() {
  auto first = static_cast<int64_t>(getFirst()), count = static_cast<int64_t>(getCount());
  auto of = static_cast<int64_t>(getOf());
  int64_t columns = columnsOf(getResult());
  if (ShapedType::isDynamic(columns) || columnsOf(getInput()) != columns)
    return emitOpError() << "requires static columns, those of the input";
  if (of < 1 || of > mostRowsOfImage || first < 0 || count < 1 || count > of ||
      first > of - count)
    return emitOpError() << "requires rows inside an image of 1 to 2^31 - 1 rows, got "
                         << count << " from " << first << " of " << of;
  std::optional<int64_t> images;
  if (failed(verifyWholeImages(*this, getInput(), of, images)))
    return failure();
  return verifyWholeImages(*this, getResult(), count, images);
}

/// Rules C1 and C2 of both patch ops.
static LogicalResult verifyPatches(Operation *op, ArrayRef<int64_t> image,
                                   int64_t patch, int64_t imageColumns,
                                   int64_t patchColumns) {
  constexpr int64_t limit = int64_t(1) << 16;
  if (image.size() != 3 ||
      !llvm::all_of(image, [&](int64_t n) { return n >= 1 && n <= limit; }))
    return op->emitOpError("requires an image [channels, height, width] of extents "
                           "from 1 to 65536");
  if (patch < 1 || image[1] % patch != 0 || image[2] % patch != 0)
    return op->emitOpError() << "requires a patch that divides " << image[1] << " and "
                             << image[2] << ", got " << patch;
  int64_t pixels = image[0] * image[1] * image[2], part = image[0] * patch * patch;
  if (imageColumns != pixels)
    return op->emitOpError() << "requires image rows of " << pixels
                             << " columns, got " << imageColumns;
  if (patchColumns != part)
    return op->emitOpError() << "requires patch rows of " << part << " columns, got "
                             << patchColumns;
  return success();
}

LogicalResult PatchifyOp::verify() {
  return verifyPatches(*this, getImage(), getPatch(), columnsOf(getInput()),
                       columnsOf(getResult()));
}

LogicalResult UnpatchifyOp::verify() {
  return verifyPatches(*this, getImage(), getPatch(), columnsOf(getResult()),
                       columnsOf(getInput()));
}

//===----------------------------------------------------------------------===//
// schedule
//===----------------------------------------------------------------------===//

LogicalResult ScheduleOp::verify() {
  ArrayRef<int64_t> latent = getLatent();
  if (latent.size() != 3 || !llvm::all_of(latent, [](int64_t n) {
        return n >= 1 && n <= (int64_t(1) << 16);
      }))
    return emitOpError("requires a latent [channels, height, width] of extents from 1 "
                       "to 65536");
  // Extents below 2^17 do not overflow; the runtime's limit.
  constexpr int64_t largestLatent = int64_t(1) << 28, mostClasses = 1 << 24;
  if (latent[0] * latent[1] * latent[2] > largestLatent)
    return emitOpError() << "requires a latent of at most " << largestLatent
                         << " numbers";
  auto steps = static_cast<int64_t>(getSteps());
  auto features = static_cast<int64_t>(getFeatures());
  if (steps < 1 || steps > 100000)
    return emitOpError() << "requires 1 to 100000 steps, got " << steps;
  float half = static_cast<float>(features) / 2;
  if (features < 0 || features % 2 != 0 || features > 65536)
    return emitOpError() << "requires an even number of features below 65537, got "
                         << features;
  auto positive = [](const llvm::APFloat &value) {
    return value.isFinite() && value.convertToFloat() > 0.0f;
  };
  if (!positive(getScale()) || !positive(getPeriod()))
    return emitOpError("requires a positive scale and period");
  if (!getGuidance().isFinite() || !getShift().isFinite())
    return emitOpError("requires a finite guidance and shift");
  if (features && !(getShift().convertToFloat() < half))
    return emitOpError() << "requires 'shift' below " << half << ", got "
                         << getShift().convertToFloat();
  auto classes = static_cast<int64_t>(getClasses());
  auto nullLabel = static_cast<int64_t>(getNullLabel().value_or(0));
  if (classes < 0 || classes > mostClasses)
    return emitOpError() << "requires 0 to " << mostClasses << " classes, got "
                         << classes;
  if (getNullLabel() && (classes == 0 || nullLabel < 0 || nullLabel > classes))
    return emitOpError() << "requires a null label of 0 to the number of classes, of a "
                            "model with classes, got "
                         << nullLabel << " of " << classes;
  bool ddim = getSampler() == SamplerKind::Ddim;
  if (ddim != getTrainSteps().has_value() || ddim != getBetaStart().has_value() ||
      ddim != getBetaEnd().has_value())
    return emitOpError(
        "requires 'train_steps', 'beta_start' and 'beta_end' exactly with ddim");
  if (ddim) {
    double start = getBetaStart()->convertToDouble(), end = getBetaEnd()->convertToDouble();
    auto train = static_cast<int64_t>(*getTrainSteps());
    if (train < steps || train > 100000)
      return emitOpError() << "requires at least as many training steps as steps, and at "
                              "most 100000, got "
                           << train << " and " << steps;
    if (!(start > 0.0 && start <= end && end < 1.0))
      return emitOpError() << "requires 0 < beta_start <= beta_end < 1, got " << start
                           << " and " << end;
    if (static_cast<int64_t>(getSpacingOffset()) < 0 ||
        static_cast<int64_t>(getSpacingOffset()) >= train)
      return emitOpError() << "requires 'spacing_offset' below the training steps, got "
                           << getSpacingOffset();
  }
  ArrayRef<int64_t> reuse = getReuse().value_or(ArrayRef<int64_t>());
  if (reuse.size() % 2 != 0)
    return emitOpError("requires reuse as pairs (step, earlier step)");
  llvm::SmallDenseSet<int64_t> reused;
  for (size_t i = 0; i < reuse.size(); i += 2) {
    int64_t step = reuse[i], from = reuse[i + 1];
    if (from < 0 || from >= step || step >= steps)
      return emitOpError() << "requires reuse of an earlier step (V12), got step " << step
                           << " from " << from << " of " << steps;
    if (!reused.insert(step).second)
      return emitOpError() << "requires each step to be reused once (V12), got step "
                           << step << " twice";
  }
  for (size_t i = 1; i < reuse.size(); i += 2)
    if (reused.contains(reuse[i]))
      return emitOpError() << "requires reuse of a step that calls the model (V12), got "
                           << reuse[i];
  return success();
}

//===----------------------------------------------------------------------===//
// denoise
//===----------------------------------------------------------------------===//

/// C2: the ranges cover the steps.
static LogicalResult verifyRanges(DenoiseOp op, int64_t steps) {
  ArrayRef<int64_t> ranges = op.getRanges();
  if (op.getVariants().empty() || ranges.size() != 2 * op.getVariants().size())
    return op.emitOpError() << "requires a range (first, end) for each of at least one "
                               "variant, got "
                            << ranges.size() << " numbers for "
                            << op.getVariants().size();
  int64_t next = 0;
  for (size_t i = 0; i < ranges.size(); i += 2) {
    if (ranges[i] != next || ranges[i + 1] <= ranges[i])
      return op.emitOpError() << "requires ranges without gap or overlap (V12): after "
                              << "step " << next << " follows [" << ranges[i] << ", "
                              << ranges[i + 1] << ")";
    next = ranges[i + 1];
  }
  if (next != steps)
    return op.emitOpError() << "requires ranges that end with the schedule's " << steps
                            << " steps (V12), got " << next;
  return success();
}

/// Rows that `NAME.condition` computes once for all steps, or null.
static Type keptType(func::FuncOp function, SymbolTableCollection &tables,
                     StringRef name) {
  auto symbol = StringAttr::get(function.getContext(), function.getName() + ".condition");
  auto condition =
      tables.lookupNearestSymbolFrom<func::FuncOp>(function, FlatSymbolRefAttr::get(symbol));
  for (unsigned i = 0; condition && i < condition.getNumResults(); ++i)
    if (auto result = condition.getResultAttrOfType<StringAttr>(i, "lowbit.name"))
      if (result.getValue() == name)
        return condition.getResultTypes()[i];
  return Type();
}

/// C3: arguments by name, and the result, of one variant.
static LogicalResult readSignature(DenoiseOp op, func::FuncOp function,
                                   SymbolTableCollection &tables, int64_t latentColumns,
                                   llvm::StringMap<Type> &signature) {
  auto fail = [&]() { return op.emitOpError() << "variant @" << function.getName() << " "; };
  llvm::StringMap<Type> types;
  for (unsigned i = 0; i < function.getNumArguments(); ++i) {
    auto name = function.getArgAttrOfType<StringAttr>(i, "lowbit.name");
    Type type = function.getArgumentTypes()[i];
    if (!name)
      return fail() << "requires 'lowbit.name' on argument " << i;
    if (!types.try_emplace(name.getValue(), type).second)
      return fail() << "has two arguments named '" << name.getValue() << "'";
    if (name.getValue() != "latent" && name.getValue() != "time" &&
        name.getValue() != "label" && keptType(function, tables, name) != type)
      return fail() << "has an argument '" << name.getValue()
                    << "' that is neither latent, time or label nor a result of @"
                    << function.getName() << ".condition";
  }
  auto latent = dyn_cast_or_null<RankedTensorType>(types.lookup("latent"));
  if (!latent || latent.getRank() != 2 || !latent.getElementType().isF32() ||
      latent.getShape()[1] != latentColumns)
    return fail() << "requires an argument 'latent' of type tensor<?x" << latentColumns
                  << "xf32>";
  auto result = function.getNumResults() == 1
                    ? dyn_cast<RankedTensorType>(function.getResultTypes()[0])
                    : RankedTensorType();
  if (!result || result.getRank() != 2 || result.getShape()[1] < latentColumns)
    return fail() << "requires one result of at least " << latentColumns << " columns";
  types["prediction"] = result;
  for (StringRef name : {"time", "label", "prediction"})
    if (Type type = types.lookup(name))
      if (!signature.try_emplace(name, type).second && signature[name] != type)
        return fail() << "requires the state signature of the other variants (V12): '"
                      << name << "' is " << type << ", theirs " << signature[name];
  return success();
}

/// Arguments that are labels, of blocks that were looked at.
using LabelledBlocks = std::set<std::pair<Block *, std::vector<unsigned>>>;

/// C4: every table that labels index has a row for `largest`.
static LogicalResult verifyTables(DenoiseOp op, Block &body, const DenseSet<Value> &labels,
                                  int64_t largest, SymbolTableCollection &tables,
                                  LabelledBlocks &seen) {
  for (Operation &inner : body) {
    if (auto gather = dyn_cast<GatherRowsOp>(inner)) {
      Type type = gather.getTable().getType();
      auto encoded = dyn_cast<LowbitTensorType>(type);
      int64_t rows = encoded ? encoded.getShape()[0]
                             : cast<RankedTensorType>(type).getShape()[0];
      if (labels.contains(gather.getIds()) && rows <= largest)
        return op.emitOpError() << "requires tables with a row for each label up to "
                                << largest << ", got one of " << rows << " rows";
    }
    auto layer = dyn_cast<LayerOp>(inner);
    auto block = layer ? tables.lookupNearestSymbolFrom<BlockOp>(layer,
                                                                 layer.getCalleeAttr())
                       : BlockOp();
    if (!block || block.getBody().empty())
      continue;
    DenseSet<Value> inside;
    std::vector<unsigned> places;
    for (auto [index, input] : llvm::enumerate(layer.getInputs()))
      if (labels.contains(input) && index < block.getBody().getNumArguments()) {
        inside.insert(block.getBody().getArgument(index));
        places.push_back(static_cast<unsigned>(index));
      }
    Block &called = block.getBody().front();
    if (!inside.empty() && seen.insert({&called, places}).second &&
        failed(verifyTables(op, called, inside, largest, tables, seen)))
      return failure();
  }
  return success();
}

/// C4 for the arguments of one function.
static LogicalResult verifyNamed(DenoiseOp op, func::FuncOp function, ScheduleOp schedule,
                                 SymbolTableCollection &tables) {
  auto features = static_cast<int64_t>(schedule.getFeatures());
  int64_t largest = std::max<int64_t>(schedule.getClasses(),
                                      schedule.getNullLabel().value_or(0) + 1) - 1;
  DenseSet<Value> labels;
  for (unsigned i = 0; i < function.getNumArguments(); ++i) {
    auto name = function.getArgAttrOfType<StringAttr>(i, "lowbit.name");
    auto type = dyn_cast<RankedTensorType>(function.getArgumentTypes()[i]);
    if (name && name.getValue() == "latent" && !function.isExternal())
      for (Operation *user : function.getArgument(i).getUsers())
        if (auto patches = dyn_cast<PatchifyOp>(user);
            patches && patches.getImage() != schedule.getLatent())
          return op.emitOpError()
                 << "variant @" << function.getName()
                 << " requires patches of the schedule's latent ["
                 << schedule.getLatent() << "], got patchify of an image ["
                 << patches.getImage() << "]";
    if (name && name.getValue() == "time" &&
        (!type || type.getRank() != 2 || !type.getElementType().isF32() ||
         type.getShape()[1] != std::max<int64_t>(features, 1)))
      return op.emitOpError() << "variant @" << function.getName()
                              << " requires an argument 'time' of type tensor<?x"
                              << std::max<int64_t>(features, 1)
                              << "xf32> for the schedule's " << features << " features";
    if (!name || name.getValue() != "label")
      continue;
    if (schedule.getClasses() == 0 || !type || type.getRank() != 1 ||
        !type.getElementType().isSignlessInteger(32))
      return op.emitOpError() << "variant @" << function.getName()
                              << " requires an argument 'label' of type tensor<?xi32> and "
                                 "a schedule with classes";
    if (!function.isExternal())
      labels.insert(function.getArgument(i));
  }
  if (labels.empty())
    return success();
  LabelledBlocks seen;
  return verifyTables(op, function.front(), labels, largest, tables, seen);
}

LogicalResult DenoiseOp::verifySymbolUses(SymbolTableCollection &tables) {
  auto schedule = tables.lookupNearestSymbolFrom<ScheduleOp>(*this, getScheduleAttr());
  if (!schedule)
    return emitOpError() << "requires a lowbit.schedule, got @" << getSchedule();
  if (failed(verifyRanges(*this, schedule.getSteps())))
    return failure();
  if (schedule.getLatent().size() != 3)
    return success(); // the schedule's own verifier speaks
  int64_t columns = schedule.getLatent()[0] * schedule.getLatent()[1] *
                    schedule.getLatent()[2];
  llvm::StringMap<Type> signature;
  for (Attribute variant : getVariants()) {
    auto name = dyn_cast<FlatSymbolRefAttr>(variant);
    auto function = name ? tables.lookupNearestSymbolFrom<func::FuncOp>(*this, name)
                         : func::FuncOp();
    if (!function)
      return emitOpError() << "requires functions as variants, got " << variant;
    if (function.isExternal())
      return emitOpError() << "requires variants with a body, @" << function.getName()
                           << " has none";
    if (failed(readSignature(*this, function, tables, columns, signature)))
      return failure();
  }
  for (Attribute variant : getVariants()) {
    auto function = tables.lookupNearestSymbolFrom<func::FuncOp>(
        *this, cast<FlatSymbolRefAttr>(variant));
    auto name = StringAttr::get(getContext(), function.getName() + ".condition");
    auto condition =
        tables.lookupNearestSymbolFrom<func::FuncOp>(*this, FlatSymbolRefAttr::get(name));
    for (func::FuncOp each : {function, condition})
      if (each && failed(verifyNamed(*this, each, schedule, tables)))
        return failure();
  }
  return success();
}
