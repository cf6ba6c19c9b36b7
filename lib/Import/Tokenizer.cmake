# Tokenizers out of checkpoints. The GGUF side is a pure function without LLVM;
# tokenizer.json goes through LLVM's JSON parser.
lowbit_add_library(LowbitTokenizerGguf
  TokenizerGguf.cpp
  LINK LowbitTokenizerSpec
)
lowbit_add_mlir_library(LowbitTokenizerImport
  TokenizerJson.cpp
  LINK LowbitCheckpoint LowbitTokenizerGguf LowbitTokenizerSpec LowbitSupport
)
