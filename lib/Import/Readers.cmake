# A place for errors, used by the readers and the tokenizers.
lowbit_add_library(LowbitImportErrors
  InFile.cpp
  LINK LowbitSupport
)

# Readers of checkpoint files: no MLIR, only LLVM's JSON parser, so they need
# neither the dialect's headers nor the precompiled header.
add_library(LowbitCheckpoint STATIC
  Gguf.cpp
  GgufConfig.cpp
  GgufMetadata.cpp
  HuggingFaceConfig.cpp
  JsonText.cpp
  Safetensors.cpp
)
lowbit_mlir_target(LowbitCheckpoint)
target_compile_options(LowbitCheckpoint PRIVATE ${LOWBIT_WARNINGS})
target_link_libraries(LowbitCheckpoint PUBLIC LowbitImportErrors LowbitPacking
  LowbitSupport)
