# Tokenizers out of checkpoints. The GGUF side is a pure function without LLVM;
# tokenizer.json goes through LLVM's JSON parser, but needs no MLIR and so no
# precompiled header.
lowbit_add_library(LowbitTokenizerGguf
  TokenizerGguf.cpp
  LINK LowbitImportErrors LowbitTokenizerSpec
)
add_library(LowbitTokenizerImport STATIC TokenizerJson.cpp)
lowbit_mlir_target(LowbitTokenizerImport)
target_compile_options(LowbitTokenizerImport PRIVATE ${LOWBIT_WARNINGS})
target_link_libraries(LowbitTokenizerImport PUBLIC
  LowbitCheckpoint LowbitTokenizerGguf LowbitTokenizerSpec LowbitSupport)
