// The inner loops on one code at a time: bodies that the portable and the popcnt level share.
#pragma once

#include "hamming.hpp"
#include "kernels.hpp"

namespace hashlens {

template <class Popcount, int Bytes>
HASHLENS_INLINE std::size_t filter_rows_body(const std::uint8_t* codes, std::size_t count,
                                             const std::uint8_t* query, int bytes, int bound,
                                             Near* out) {
  const std::size_t stride = static_cast<std::size_t>(Bytes ? Bytes : bytes);
  std::size_t found = 0;
  for (std::size_t row = 0; row < count; ++row) {
    const int d = distance<Popcount, Bytes>(codes + row * stride, query, bytes);
    out[found] = {static_cast<std::uint32_t>(row), d};
    found += d < bound;  // no branch: near the start of a scan nearly every row is wanted
  }
  return found;
}

template <class Popcount, int Bytes>
HASHLENS_INLINE void count_rows_body(const std::uint8_t* codes, std::size_t count,
                                     const std::uint8_t* query, int bytes, std::int32_t* counts) {
  // Learned codes clump, so neighboring rows often meet the same counter; four sets of counters
  // keep one increment from waiting for the one before.
  constexpr std::size_t kSets = 4;
  const std::size_t stride = static_cast<std::size_t>(Bytes ? Bytes : bytes);
  std::int32_t sets[kSets][kMaxBits + 1] = {};
  const int bits = static_cast<int>(8 * stride);
  std::size_t row = 0;
  for (; row + kSets <= count; row += kSets) {
    for (std::size_t set = 0; set < kSets; ++set) {
      ++sets[set][distance<Popcount, Bytes>(codes + (row + set) * stride, query, bytes)];
    }
  }
  for (; row < count; ++row) {
    ++sets[0][distance<Popcount, Bytes>(codes + row * stride, query, bytes)];
  }
  for (int d = 0; d <= bits; ++d) {
    counts[d] += sets[0][d] + sets[1][d] + sets[2][d] + sets[3][d];
  }
}

}  // namespace hashlens

// Defines, in namespace `name`, the loops of one level; `target` marks what the CPU must have.
#define HASHLENS_SCALAR_LEVEL(name, target, Popcount, level)                                      \
  namespace hashlens::name {                                                                      \
  template <int Bytes>                                                                            \
  target int distance_of(const std::uint8_t* a, const std::uint8_t* b, int bytes) {               \
    return distance<Popcount, Bytes>(a, b, bytes);                                                \
  }                                                                                               \
  template <int Bytes>                                                                            \
  target std::size_t filter_rows(const std::uint8_t* codes, std::size_t count,                    \
                                 const std::uint8_t* query, int bytes, int bound, Near* out) {    \
    return filter_rows_body<Popcount, Bytes>(codes, count, query, bytes, bound, out);             \
  }                                                                                               \
  template <int Bytes>                                                                            \
  target void count_rows(const std::uint8_t* codes, std::size_t count, const std::uint8_t* query, \
                         int bytes, std::int32_t* counts) {                                       \
    count_rows_body<Popcount, Bytes>(codes, count, query, bytes, counts);                         \
  }                                                                                               \
  template <int Bytes>                                                                            \
  Kernels of_length() {                                                                           \
    return {level, distance_of<Bytes>, filter_rows<Bytes>, filter_rows<Bytes>, count_rows<Bytes>}; \
  }                                                                                               \
  Kernels kernels_for(int bytes) {                                                                \
    switch (bytes) {                                                                              \
      case 4:                                                                                     \
        return of_length<4>();                                                                    \
      case 6:                                                                                     \
        return of_length<6>();                                                                    \
      case 8:                                                                                     \
        return of_length<8>();                                                                    \
      case 12:                                                                                    \
        return of_length<12>();                                                                   \
      case 16:                                                                                    \
        return of_length<16>();                                                                   \
      case 32:                                                                                    \
        return of_length<32>();                                                                   \
      case 64:                                                                                    \
        return of_length<64>();                                                                   \
      default:                                                                                    \
        return of_length<0>();                                                                    \
    }                                                                                             \
  }                                                                                               \
  }
