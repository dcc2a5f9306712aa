// Exact search by multi-index hashing, with a scan for queries where that would cost more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "segment.hpp"

namespace hashlens {

// What the search of one query took.
struct ShellCost {
  std::uint64_t probes = 0;  // buckets looked up
  std::uint64_t codes = 0;   // codes compared
  bool finished = true;      // false where a scan had to take over
};

struct MultiSearch {
  std::vector<const Segment*> segments;
  CodeView recent;  // codes that are not in a segment yet
  RowView rows;
};

// Returns for each query its neighbours, sorted. A query gives up its shells for a scan where they
// are bound to cost more than `budget` times what comparing all codes costs; with a budget of 0
// all queries are scanned.
std::vector<std::vector<Key>> search_shells(const MultiSearch& index, const std::uint8_t* queries,
                                            std::size_t query_count, SearchLimits limits,
                                            double budget, int threads, Level level,
                                            ShellCost* costs);

}  // namespace hashlens
