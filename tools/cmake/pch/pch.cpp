// Anchors the precompiled header of the compiler.
