// Exact search by comparing every code with every query.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels.hpp"
#include "neighbors.hpp"

namespace hashlens {

// What is known of the rows of an index: their ids, and which of them a search has to skip.
struct RowView {
  const std::int64_t* ids = nullptr;      // null where the id of a row is its number
  bool ascending = true;                  // whether ids ascend with the rows
  const std::uint8_t* blocked = nullptr;  // a bit a row, least significant first: 1 = skip

  std::uint64_t id(std::size_t row) const {
    return ids ? static_cast<std::uint64_t>(ids[row]) : row;
  }
  bool is_blocked(std::size_t row) const { return blocked && (blocked[row >> 3] >> (row & 7) & 1); }
};

// Which rows have a code, where equal codes are stored once. A reference is a row number, or, with
// kGroupFlag set, the number of a group; the rows of a group ascend.
struct RowGroups {
  static constexpr std::uint32_t kGroupFlag = 0x80000000u;

  const std::uint32_t* refs = nullptr;  // of each code; null where code number and row are one
  const std::uint32_t* starts = nullptr;
  const std::uint32_t* rows = nullptr;
};

// Codes of `bytes` bytes each. Nothing is owned.
struct CodeView {
  const std::uint8_t* codes = nullptr;
  std::size_t count = 0;
  int bytes = 0;
  std::size_t first_row = 0;  // the index's number for row 0 of this view
  RowGroups groups;
};

struct SearchLimits {
  std::size_t k;  // Neighbors::kNoLimit for a radius search
  int radius;     // largest distance wanted, in bits
};

// Offers the rows of one code to the neighbors of a query.
inline void offer_rows(const RowGroups& groups, std::uint32_t ref, std::size_t first_row,
                       int distance, const RowView& rows, std::size_t k, Neighbors& found) {
  const auto offer = [&](std::size_t row) {
    // The bound may have tightened since the code was found.
    if (distance >= found.bound() || rows.is_blocked(row)) return false;
    found.push(distance, rows.id(row));
    return true;
  };
  if (!(ref & RowGroups::kGroupFlag)) {
    offer(first_row + ref);
    return;
  }
  const std::uint32_t group = ref & ~RowGroups::kGroupFlag;
  std::size_t taken = 0;
  for (std::uint32_t i = groups.starts[group]; i < groups.starts[group + 1]; ++i) {
    taken += offer(first_row + groups.rows[i]);
    // A hundred thousand equal codes: the k of lowest id are enough.
    if (taken >= k && rows.ascending) return;
  }
}

// How many of `threads` threads a scan of so many codes uses.
int threads_of_scan(std::size_t codes, std::size_t queries, int threads);

// Returns for each query its neighbors among the codes of all views, sorted. `reach`, where not
// null, is a radius a query that is known to hold all that is wanted.
std::vector<std::vector<Key>> scan(const std::vector<CodeView>& views, const RowView& rows,
                                   const std::uint8_t* queries, std::size_t query_count,
                                   SearchLimits limits, const int* reach, int threads, Level level);

}  // namespace hashlens
