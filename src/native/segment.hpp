// The tables of multi-index hashing over a fixed set of codes (Norouzi, Punjani, Fleet 2012).
//
// Equal codes are stored once. A table sorts the distinct codes by the bits of one substring, so
// that the codes of a bucket lie side by side in memory: looking through a bucket is a short linear
// scan, not a chase of pointers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "large_array.hpp"
#include "scan.hpp"

namespace hashlens {

constexpr int kMaxKeyBits = 24;  // a table has 2^key_bits offsets of four bytes

struct Table {
  const std::uint32_t* offsets = nullptr;  // (2^key_bits + 1): where each bucket begins
  const std::uint8_t* codes = nullptr;     // (unique, bytes)
  const std::uint32_t* refs = nullptr;     // (unique): see RowGroups
};

// A view of tables that lie in memory or in a mapped file. Table j is keyed by the key_bits bits
// from bit key_start(j) on; the codes of table 0 are in lexicographic order.
struct Segment {
  int bytes = 0;
  int key_bits = 0;
  std::size_t unique = 0;     // distinct codes
  std::size_t first_row = 0;  // the index's number for row 0 of this segment
  RowGroups groups;           // refs is null here: each table has its own
  std::vector<Table> tables;

  int key_start(std::size_t table) const {
    return static_cast<int>(table) * 8 * bytes / static_cast<int>(tables.size());
  }
  // The distinct codes in the order of table 0, for a scan.
  CodeView view() const {
    return {tables[0].codes, unique, bytes, first_row, groups.with_refs(tables[0].refs)};
  }
};

// The bits [start, start + count) of a code, count <= 24, as a number; bit 0 is the most
// significant bit of byte 0.
inline std::uint32_t key_of(const std::uint8_t* code, int bytes, int start, int count) {
  std::uint64_t window = 0;
  const int first = start / 8;
  for (int i = 0; i < 4; ++i) {
    window = window << 8 | (first + i < bytes ? code[first + i] : 0);
  }
  const int behind = 32 - start % 8 - count;
  return static_cast<std::uint32_t>(window >> behind) & ((std::uint32_t{1} << count) - 1);
}

struct BuiltTable {
  LargeArray<std::uint32_t> offsets;
  LargeArray<std::uint8_t> codes;
  LargeArray<std::uint32_t> refs;
};

struct BuiltSegment {
  std::vector<BuiltTable> tables;
  LargeArray<std::uint32_t> group_starts;
  LargeArray<std::uint32_t> group_rows;
};

// Builds `tables` tables over `count` codes. `rows` holds their row numbers, ascending and below
// 2^31; null for 0..count-1. Throws std::invalid_argument if the codes are changed meanwhile.
BuiltSegment build_segment(const std::uint8_t* codes, std::size_t count, int bytes,
                           const std::uint32_t* rows, int tables, int key_bits, int threads);

// Throws std::invalid_argument if an offset or reference of the segment leads out of its arrays, or
// a row is not below groups.limit. Returns how many rows the codes of table 0 have. This tells
// damage early; memory safety does not rest on it, since a mapped file may change later.
std::size_t check_segment(const Segment& segment);

// Writes the code of each row r of the segment to row r of `codes`, and 1 to present[r]; both have
// groups.limit rows.
void unpack_segment(const Segment& segment, std::uint8_t* codes, std::uint8_t* present);

}  // namespace hashlens
