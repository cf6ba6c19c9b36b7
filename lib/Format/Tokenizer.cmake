# The tokenizer section: standard library only.
lowbit_add_library(LowbitTokenizerSpec
  Tokenizer.cpp
  TokenizerTables.cpp
  LINK LowbitFormat LowbitSupport
)
