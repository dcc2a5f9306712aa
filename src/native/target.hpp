// Compiler and CPU targets: one binary holds every path, and the fastest that runs is picked at
// run time. Only the functions marked with a target may use its instructions.
#pragma once

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define HASHLENS_X86 1
#define HASHLENS_POPCNT __attribute__((target("popcnt")))
#define HASHLENS_AVX2 __attribute__((target("avx2,popcnt")))
#else
#define HASHLENS_X86 0
#endif

#if defined(__GNUC__) || defined(__clang__)
#define HASHLENS_INLINE inline __attribute__((always_inline))
#else
#define HASHLENS_INLINE inline
#endif

namespace hashlens {

// Begins to bring memory into the cache, where the compiler can say so.
HASHLENS_INLINE void prefetch(const void* at) {
#if defined(__GNUC__) || defined(__clang__)
  __builtin_prefetch(at);
#else
  static_cast<void>(at);
#endif
}

}  // namespace hashlens
