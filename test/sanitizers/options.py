"""Options of the sanitizers for both lit suites, in a build with them (preset debug-asan)."""
import os


def set_options(config):
    """A finding ends the process with a signal: exit status 1 is what tests expect of a refused
    input, and `not` takes it for success."""
    if not config.lowbit_sanitized:
        return
    suppressions = os.path.join(config.lowbit_src_root, "test", "sanitizers", "lsan.supp")
    config.environment.update({
        # Huge sizes are our own business: the allocator shall fail as malloc does. LLVM's
        # allocators poison what they have not given out, in the inline functions that we
        # compile; those inside the packaged libLLVM and libMLIR never unpoison it.
        "ASAN_OPTIONS": "abort_on_error=1:detect_leaks=1:allocator_may_return_null=1:allow_user_poisoning=0:"
                        "strict_string_checks=1:detect_stack_use_after_return=1",
        "UBSAN_OPTIONS": "abort_on_error=1:print_stacktrace=1",
        "LSAN_OPTIONS": f"suppressions={suppressions}:print_suppressions=0",
    })
    config.available_features.add("asan")
