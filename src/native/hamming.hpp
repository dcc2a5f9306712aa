// The Hamming distance of two packed codes, for every code length and way of counting bits.
#pragma once

#include <cstdint>
#include <cstring>

#include "target.hpp"

namespace hashlens {

constexpr int kMaxBytes = 64;
constexpr int kMaxBits = 8 * kMaxBytes;

// Counts bits with shifts and adds: runs everywhere, whatever the CPU.
struct PortablePopcount {
  static HASHLENS_INLINE int count(std::uint64_t word) {
#if !HASHLENS_X86 && (defined(__GNUC__) || defined(__clang__))
    return __builtin_popcountll(word);  // elsewhere than on x86 the baseline has an instruction
#else
    word -= (word >> 1) & 0x5555555555555555u;
    word = (word & 0x3333333333333333u) + ((word >> 2) & 0x3333333333333333u);
    word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0fu;
    return static_cast<int>((word * 0x0101010101010101u) >> 56);
#endif
  }
};

#if HASHLENS_X86
// Becomes the popcnt instruction where it is inlined into a function whose target has it.
struct HardwarePopcount {
  static HASHLENS_INLINE int count(std::uint64_t word) { return __builtin_popcountll(word); }
};
#endif

// Returns the number of the lowest set bit; `word` is not 0.
HASHLENS_INLINE int lowest_bit(std::uint64_t word) {
#if defined(__GNUC__) || defined(__clang__)
  return __builtin_ctzll(word);
#else
  return PortablePopcount::count((word & (~word + 1)) - 1);
#endif
}

// Returns `count` bytes, below 8, as a number. Put together from whole loads: a copy into a zeroed
// word would make the processor wait for the store.
HASHLENS_INLINE std::uint64_t load_tail(const std::uint8_t* at, int count) {
  std::uint64_t word = 0;
  int shift = 0;
  if (count & 4) {
    std::uint32_t part;
    std::memcpy(&part, at, 4);
    word = part;
    at += 4;
    shift = 32;
  }
  if (count & 2) {
    std::uint16_t part;
    std::memcpy(&part, at, 2);
    word |= static_cast<std::uint64_t>(part) << shift;
    at += 2;
    shift += 16;
  }
  if (count & 1) word |= static_cast<std::uint64_t>(*at) << shift;
  return word;
}

// Returns the distance of two codes of `Bytes` bytes, or of `bytes` where Bytes is 0. A template
// length lets the compiler unroll the loop and turn the copies into plain loads.
template <class Popcount, int Bytes>
HASHLENS_INLINE int distance(const std::uint8_t* a, const std::uint8_t* b, int bytes) {
  const int length = Bytes ? Bytes : bytes;
  int sum = 0;
  int at = 0;
  for (; at + 8 <= length; at += 8) {
    std::uint64_t x, y;
    std::memcpy(&x, a + at, 8);
    std::memcpy(&y, b + at, 8);
    sum += Popcount::count(x ^ y);
  }
  if (at < length) {
    const int tail = length - at;
    sum += Popcount::count(load_tail(a + at, tail) ^ load_tail(b + at, tail));
  }
  return sum;
}

}  // namespace hashlens
