// Exact search by comparing every code with every query.
#pragma once

#include <algorithm>
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
//
// The arrays may lie in a mapped file, which can change at any time. So every number that is read
// from them is checked before it is used.
struct RowGroups {
  static constexpr std::uint32_t kGroupFlag = 0x80000000u;

  const std::uint32_t* refs = nullptr;    // of each code; null where code number and row are one
  const std::uint32_t* starts = nullptr;  // of each group, and the end of the last
  const std::uint32_t* rows = nullptr;
  std::size_t count = 0;      // number of groups
  std::size_t row_count = 0;  // length of `rows`
  std::size_t limit = 0;      // rows are below it

  RowGroups with_refs(const std::uint32_t* its_refs) const {
    return {its_refs, starts, rows, count, row_count, limit};
  }

  // Calls take(row) for each row of a reference, until it returns false.
  template <class Take>
  void for_rows(std::uint32_t ref, Take take) const {
    if (!(ref & kGroupFlag)) {
      if (ref < limit) take(std::size_t{ref});
      return;
    }
    const std::uint32_t group = ref & ~kGroupFlag;
    if (group >= count) return;
    const std::size_t end = std::min<std::size_t>(starts[group + 1], row_count);
    for (std::size_t i = starts[group]; i < end; ++i) {
      const std::uint32_t row = rows[i];
      if (row < limit && !take(std::size_t{row})) return;
    }
  }
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

// Offers a row to the neighbors of a query; returns whether it was taken.
inline bool offer_row(std::size_t row, int distance, const RowView& rows, Neighbors& found) {
  // The bound may have tightened since the code was found.
  if (distance >= found.bound() || rows.is_blocked(row)) return false;
  found.push(distance, rows.id(row));
  return true;
}

// Offers the rows of one code to the neighbors of a query.
inline void offer_rows(const RowGroups& groups, std::uint32_t ref, std::size_t first_row,
                       int distance, const RowView& rows, std::size_t k, Neighbors& found) {
  std::size_t taken = 0;
  groups.for_rows(ref, [&](std::size_t row) {
    taken += offer_row(first_row + row, distance, rows, found);
    // A hundred thousand equal codes: the k of lowest id are enough.
    return taken < k || !rows.ascending;
  });
}

// How many of `threads` threads a scan of so many codes uses.
int threads_of_scan(std::size_t codes, std::size_t queries, int threads);

// Returns for each query its neighbors among the codes of all views, sorted. `reach`, where not
// null, is a radius a query that is known to hold all that is wanted.
std::vector<std::vector<Key>> scan(const std::vector<CodeView>& views, const RowView& rows,
                                   const std::uint8_t* queries, std::size_t query_count,
                                   SearchLimits limits, const int* reach, int threads, Level level);

}  // namespace hashlens
