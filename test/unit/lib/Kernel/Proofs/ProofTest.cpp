//===- ProofTest.cpp - Layouts and decodes proved by z3 -------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For all values of the codes: unpack(pack(x)) = x, written from a leaf's maps;
// for all contents of memory: the decode that kernels emit, visited as SMT-LIB,
// gives what the maps denote. Skipped where there is no z3 (apt install z3, or
// pip install z3-solver).
//
//===----------------------------------------------------------------------===//

#include "SmtBuilder.h"

#include "lib/Kernel/CodeDecode.h"
#include "lowbit/Packing/Layouts.h"
#include "lowbit/Packing/Pack.h"

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <unistd.h>

using namespace lowbit;
using namespace lowbit::kernel;

namespace {

bool haveZ3() { return std::system("z3 --version >/dev/null 2>&1") == 0; }

/// Whether `claim` holds for all values of the declared variables: its negation
/// has no model.
void prove(const std::string &declarations, const std::string &claim) {
  char path[] = "/tmp/lowbit-proof-XXXXXX";
  int file = mkstemp(path);
  ASSERT_GE(file, 0);
  close(file);
  {
    std::ofstream out(path);
    out << "(set-logic QF_BV)\n"
        << declarations << "(assert (not " << claim << "))\n(check-sat)\n";
  }
  FILE *pipe = popen((std::string("z3 -T:120 ") + path).c_str(), "r");
  ASSERT_TRUE(pipe);
  std::string answer;
  char buffer[256];
  while (size_t count = fread(buffer, 1, sizeof(buffer), pipe))
    answer.append(buffer, count);
  pclose(pipe);
  std::remove(path);
  EXPECT_EQ(answer, "unsat\n");
}

std::string declare(const std::string &name, unsigned bits) {
  return "(declare-const " + name + " (_ BitVec " + std::to_string(bits) + "))\n";
}

std::string conjunction(const std::vector<std::string> &claims) {
  std::string text = "(and true";
  for (const std::string &claim : claims)
    text += " " + claim;
  return text + ")";
}

LeafDesc makeLeaf(int64_t rows, int64_t columns, NumberDesc code) {
  LeafDesc leaf;
  leaf.rows = rows;
  leaf.columns = columns;
  leaf.code = code;
  return leaf;
}

/// First bit of (n, k) in the array of `field`, all words in one long vector.
unsigned bitIn(const FieldDesc &field, int64_t n, int64_t k) {
  const int64_t index[] = {n, k};
  std::vector<int64_t> word(field.word.results.size());
  field.word.eval(index, word);
  return static_cast<unsigned>(linearize(word, field.storage) * field.wordBits +
                               field.bit.results[0].eval(index));
}

/// The stored code of (n, k), `width` bits, by the maps from arrays a0, a1, ...
std::string denoted(const LeafDesc &leaf, int64_t n, int64_t k, unsigned width) {
  std::string text = bitVector(0, width);
  for (const FieldDesc &field : leaf.fields) {
    std::string run =
        extractBits("a" + std::to_string(field.array), bitIn(field, n, k),
                    field.width);
    if (width > field.width)
      run = "((_ zero_extend " + std::to_string(width - field.width) + ") " + run +
            ")";
    text = "(bvor " + text + " (bvshl " + run + " " +
           bitVector(field.shift, width) + "))";
  }
  return text;
}

unsigned arrayBits(const LeafDesc &leaf, unsigned array) {
  for (const FieldDesc &field : leaf.fields)
    if (field.array == array)
      return static_cast<unsigned>(*checkedElementCount(field.storage)) *
             field.wordBits;
  return 0;
}

/// unpack(pack(x)) = x for runs of bits: every element's bits are its own.
void proveBits(const LeafDesc &leaf) {
  SCOPED_TRACE(describe(leaf));
  ASSERT_TRUE(validate(leaf).isOk()) << validate(leaf).toString();
  const unsigned width = leaf.code.width;
  std::string script;
  std::vector<std::string> claims;
  for (unsigned array = 0; array < leaf.codeArrays(); ++array) {
    // Pack: bit by bit, zero where no element lies.
    std::vector<std::string> bits(arrayBits(leaf, array), "#b0");
    for (int64_t n = 0; n < leaf.rows; ++n)
      for (int64_t k = 0; k < leaf.columns; ++k)
        for (const FieldDesc &field : leaf.fields)
          for (unsigned b = 0; field.array == array && b < field.width; ++b)
            bits[bitIn(field, n, k) + b] =
                extractBits("x" + std::to_string(n * leaf.columns + k),
                            field.shift + b, 1);
    script += "(define-fun a" + std::to_string(array) + " () (_ BitVec " +
              std::to_string(bits.size()) + ") " + concatBits(bits) + ")\n";
  }
  std::string variables;
  for (int64_t i = 0; i < leaf.rows * leaf.columns; ++i) {
    variables += declare("x" + std::to_string(i), width);
    claims.push_back("(= x" + std::to_string(i) + " " +
                     denoted(leaf, i / leaf.columns, i % leaf.columns, width) +
                     ")");
  }
  prove(variables + script, conjunction(claims));
}

TEST(Proof, BitsAndPlanesRoundTrip) {
  if (!haveZ3())
    GTEST_SKIP() << "z3 is not installed";
  for (unsigned width = 1; width <= 8; ++width) {
    LeafDesc lanes = makeLeaf(9, 40, NumberDesc::unsignedInt(width));
    ASSERT_TRUE(applyRowsInLanesLayout(lanes).isOk());
    proveBits(lanes);
    for (bool msbFirst : {false, true}) {
      LeafDesc planes = makeLeaf(3, 40, NumberDesc::unsignedInt(width));
      ASSERT_TRUE(setPlaneFields(planes, msbFirst).isOk());
      proveBits(planes);
    }
  }
  for (unsigned width : {1u, 2u, 4u, 8u}) {
    LeafDesc fragment = makeLeaf(16, 64, NumberDesc::unsignedInt(width));
    ASSERT_TRUE(setNamedFields(fragment, "mma_m16n8k32").isOk());
    proveBits(fragment);
  }
}

/// unpack(pack(d)) = d for the digits of one group number of `bits` bits.
void proveDigits(unsigned radix, unsigned digits, unsigned bits, bool scaled) {
  SCOPED_TRACE(std::to_string(radix) + "^" + std::to_string(digits) +
               (scaled ? " scaled" : ""));
  // Wide enough for every product below.
  const unsigned wide = 2 * bits + 8;
  auto number = [&](uint64_t value) { return bitVector(value, wide); };
  std::string script;
  std::vector<std::string> inRange, claims;
  uint64_t states = 1;
  std::string value = number(0);
  for (unsigned i = 0; i < digits; ++i) {
    const std::string name = "d" + std::to_string(i);
    script += declare(name, wide);
    inRange.push_back("(bvult " + name + " " + number(radix) + ")");
    value = scaled ? "(bvadd (bvmul " + value + " " + number(radix) + ") " + name +
                         ")"
                   : "(bvadd " + value + " (bvmul " + name + " " +
                         number(states) + "))";
    states *= radix;
  }
  if (scaled) // ceil(v 2^bits / states)
    value = "(bvudiv (bvadd (bvmul " + value + " " + number(uint64_t{1} << bits) +
            ") " + number(states - 1) + ") " + number(states) + ")";
  script += "(define-fun word () (_ BitVec " + std::to_string(wide) + ") " + value +
            ")\n";
  claims.push_back("(bvult word " + number(uint64_t{1} << bits) + ")");
  uint64_t power = 1;
  for (unsigned i = 0; i < digits; ++i, power *= radix) {
    std::string digit =
        scaled ? "(bvlshr (bvmul (bvand (bvmul word " + number(power) + ") " +
                     number((uint64_t{1} << bits) - 1) + ") " + number(radix) +
                     ") " + number(bits) + ")"
               : "(bvurem (bvudiv word " + number(power) + ") " + number(radix) +
                     ")";
    claims.push_back("(= d" + std::to_string(i) + " " + digit + ")");
  }
  prove(script, "(=> " + conjunction(inRange) + " " + conjunction(claims) + ")");
}

TEST(Proof, RadixRoundTrip) {
  if (!haveZ3())
    GTEST_SKIP() << "z3 is not installed";
  for (bool scaled : {false, true}) {
    proveDigits(3, 5, 8, scaled);
    proveDigits(5, 3, 7, scaled);
    proveDigits(5, 3, 8, scaled);
    proveDigits(7, 2, 6, scaled);
    proveDigits(2, 8, 8, scaled);
  }
}

/// The decode of column vectors that CPU kernels emit, for all memory contents.
TEST(Proof, EmittedDecodeIsTheDenotation) {
  if (!haveZ3())
    GTEST_SKIP() << "z3 is not installed";
  for (unsigned width = 1; width <= 8; ++width) {
    SCOPED_TRACE(width);
    LeafDesc leaf = makeLeaf(8, 32, NumberDesc::unsignedInt(width));
    ASSERT_TRUE(applyRowsInLanesLayout(leaf).isOk());
    SmtBuilder builder;
    std::string memory;
    std::vector<FieldPlan> fields;
    for (const FieldDesc &field : leaf.fields) {
      memory += declare("a" + std::to_string(field.array),
                        arrayBits(leaf, field.array));
      fields.push_back({field.width, field.shift, field.array});
    }
    FieldBytes bytes = [&](unsigned f, unsigned j) {
      return builder.term({Scalar::i8, 32},
                          extractBits("a" + std::to_string(f), j * 256, 256));
    };
    std::vector<std::string> claims;
    for (unsigned v = 0; v < 8; ++v) {
      const std::string codes = SmtBuilder::textOf(
          decodeColumnVector(builder, fields, bytes, v));
      for (unsigned row = 0; row < 8; ++row)
        for (unsigned q = 0; q < 4; ++q)
          claims.push_back("(= " + extractBits(codes, 8 * (4 * row + q), 8) + " " +
                           denoted(leaf, row, 4 * v + q, 8) + ")");
    }
    prove(memory + builder.definitions(), conjunction(claims));
  }
}

/// A wrong decode is not proved: the proofs can fail.
TEST(Proof, WrongLayoutIsRefuted) {
  if (!haveZ3())
    GTEST_SKIP() << "z3 is not installed";
  EXPECT_NONFATAL_FAILURE(
      prove(declare("x", 4), "(= x ((_ rotate_left 1) x))"), "unsat");
}

} // namespace
