//===- GgufConfig.h - Tokenizer facts out of GGUF metadata ---- -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_IMPORT_GGUFCONFIG_H
#define LOWBIT_LIB_IMPORT_GGUFCONFIG_H

#include "Gguf.h"
#include "TokenizerGguf.h"

namespace lowbit::import {

/// The tokenizer keys of a file as tokenizerFromGgufMetadata wants them;
/// nothing where the file has no `tokenizer.ggml.model`. Views point into the
/// file.
StatusOr<std::optional<GgufTokenizerMetadata>>
readGgufTokenizer(const GgufFile &file);

} // namespace lowbit::import

#endif // LOWBIT_LIB_IMPORT_GGUFCONFIG_H
