//===- LowbitEnums.td - Closed choices -*- tablegen -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_LOWBIT_IR_LOWBITENUMS_TD
#define DIALECTS_LOWBIT_IR_LOWBITENUMS_TD

include "dialects/Lowbit/IR/LowbitDialect.td"
include "mlir/IR/EnumAttr.td"

class Lowbit_Enum<string name, string summary, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::mlir::lowbit";
  let genSpecializedAttr = 0;
}

def Lowbit_NormKind : Lowbit_Enum<"NormKind", "kind of normalization",
    [I32EnumAttrCase<"Rms", 0, "rms">, I32EnumAttrCase<"Layer", 1, "layer">]>;
def Lowbit_NormKindAttr : EnumAttr<Lowbit_Dialect, Lowbit_NormKind, "norm_kind">;

def Lowbit_ActivationKind : Lowbit_Enum<"ActivationKind",
    "elementwise function with a fixed sequence of operations (N10, N11)",
    [I32EnumAttrCase<"Silu", 0, "silu">,
     I32EnumAttrCase<"GeluTanh", 1, "gelu_tanh">,
     I32EnumAttrCase<"Relu2", 2, "relu2">,
     I32EnumAttrCase<"Sigmoid", 3, "sigmoid">,
     I32EnumAttrCase<"Tanh", 4, "tanh">,
     I32EnumAttrCase<"Exp", 5, "exp">]>;
def Lowbit_ActivationKindAttr
    : EnumAttr<Lowbit_Dialect, Lowbit_ActivationKind, "activation_kind">;

def Lowbit_RopePairs : Lowbit_Enum<"RopePairs", "which elements rotate together",
    [I32EnumAttrCase<"Adjacent", 0, "adjacent">,
     I32EnumAttrCase<"Half", 1, "half">]>;
def Lowbit_RopePairsAttr : EnumAttr<Lowbit_Dialect, Lowbit_RopePairs, "rope_pairs">;

def Lowbit_MaskKind : Lowbit_Enum<"MaskKind", "which keys a query sees",
    [I32EnumAttrCase<"None", 0, "none">, I32EnumAttrCase<"Causal", 1, "causal">,
     I32EnumAttrCase<"Window", 2, "window">]>;
def Lowbit_MaskKindAttr : EnumAttr<Lowbit_Dialect, Lowbit_MaskKind, "mask_kind">;

def Lowbit_SamplerKind : Lowbit_Enum<"SamplerKind", "how a latent is stepped",
    [I32EnumAttrCase<"Euler", 0, "euler">, I32EnumAttrCase<"Ddim", 1, "ddim">]>;
def Lowbit_SamplerKindAttr : EnumAttr<Lowbit_Dialect, Lowbit_SamplerKind, "sampler_kind">;

def Lowbit_StoreKind : Lowbit_Enum<"StoreKind", "how an integer code is stored",
    [I32EnumAttrCase<"Twos", 0, "twos">, I32EnumAttrCase<"Biased", 1, "biased">]>;
def Lowbit_StoreKindAttr : EnumAttr<Lowbit_Dialect, Lowbit_StoreKind, "store_kind">;

def Lowbit_ExactnessClass : Lowbit_Enum<"ExactnessClass",
    "what a pass guarantees (DESIGN section 5)",
    [I32EnumAttrCase<"E0", 0>, I32EnumAttrCase<"E1", 1>,
     I32EnumAttrCase<"E2", 2>, I32EnumAttrCase<"E3", 3>]>;
def Lowbit_ExactnessClassAttr
    : EnumAttr<Lowbit_Dialect, Lowbit_ExactnessClass, "exactness">;

def Lowbit_StrategyKind : Lowbit_Enum<"StrategyKind",
    "instruction strategy of a dispatch's anchor (DESIGN section 7)",
    [I32EnumAttrCase<"Elementwise", 0, "elementwise">,
     I32EnumAttrCase<"FloatLanes", 1, "float_lanes">,
     I32EnumAttrCase<"PairwiseMadd", 2, "pairwise_madd">,
     I32EnumAttrCase<"WidenMultiply", 3, "widen_multiply">,
     I32EnumAttrCase<"Dot4", 4, "dot4">,
     I32EnumAttrCase<"Attention", 5, "attention">,
     I32EnumAttrCase<"ByElement", 6, "by_element">,
     I32EnumAttrCase<"PlanePopcount", 7, "plane_popcount">]>;
def Lowbit_StrategyKindAttr
    : EnumAttr<Lowbit_Dialect, Lowbit_StrategyKind, "strategy_kind">;

#endif // DIALECTS_LOWBIT_IR_LOWBITENUMS_TD
