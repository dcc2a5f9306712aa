// The inner loops, one table of functions a CPU level and code length.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace hashlens {

enum class Level { kPortable, kPopcnt, kAvx2 };

// A code that passed a filter: its row in the filtered block, and its distance in bits.
struct Near {
  std::uint32_t row;
  std::int32_t distance;
};

// Writes to `out` the rows of `codes` nearer to `query` than `bound`, ascending; returns how many.
// `out` has room for `count` entries.
using FilterRows = std::size_t (*)(const std::uint8_t* codes, std::size_t count,
                                   const std::uint8_t* query, int bytes, int bound, Near* out);

// Adds to counts[d] the number of rows at distance d from `query`.
using CountRows = void (*)(const std::uint8_t* codes, std::size_t count, const std::uint8_t* query,
                           int bytes, std::int32_t* counts);

using Distance = int (*)(const std::uint8_t* a, const std::uint8_t* b, int bytes);

struct Kernels {
  Level level;
  Distance distance;
  FilterRows filter_rows;
  FilterRows filter_stream;  // the same for codes that come from memory and are read once
  CountRows count_rows;
};

// Returns the levels that this CPU runs, slowest first.
std::vector<Level> available_levels();

const char* level_name(Level level);

// Returns the level of that name, or the fastest where the name is empty. Throws
// std::invalid_argument for a name that is unknown or a level that this CPU does not run.
Level parse_level(const std::string& name);

// Returns the inner loops for codes of `bytes` bytes.
Kernels kernels_for(Level level, int bytes);

#define HASHLENS_DECLARE_LEVEL(name) \
  namespace name {                   \
  Kernels kernels_for(int bytes);    \
  }
HASHLENS_DECLARE_LEVEL(portable)
HASHLENS_DECLARE_LEVEL(popcnt)
HASHLENS_DECLARE_LEVEL(avx2)
#undef HASHLENS_DECLARE_LEVEL

}  // namespace hashlens
