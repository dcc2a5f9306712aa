// Exact search by comparing every code with every query.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels.hpp"
#include "neighbours.hpp"

namespace hashlens {

// Codes of `bytes` bytes each, and what a search has to know of them. Nothing is owned.
struct CodeView {
  const std::uint8_t* codes = nullptr;
  std::size_t count = 0;
  int bytes = 0;
  const std::int64_t* ids = nullptr;        // id of each row; null where it is the row's number
  bool ascending = true;                    // whether ids ascend with the rows
  const std::uint8_t* blocked = nullptr;    // a bit a row, least significant first: 1 = skip

  std::uint64_t id(std::size_t row) const {
    return ids ? static_cast<std::uint64_t>(ids[row]) : static_cast<std::uint64_t>(row);
  }
  bool is_blocked(std::size_t row) const {
    return blocked && (blocked[row >> 3] >> (row & 7) & 1);
  }
};

struct SearchLimits {
  std::size_t k;  // Neighbours::kNoLimit for a radius search
  int radius;     // largest distance wanted, in bits
};

// Returns for each query its neighbours, sorted.
std::vector<std::vector<Key>> scan(const CodeView& database, const std::uint8_t* queries,
                                   std::size_t query_count, SearchLimits limits, int threads,
                                   Level level);

}  // namespace hashlens
