// Exact search by multi-index hashing, with a scan for queries where that would cost more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "segment.hpp"

namespace hashlens {

// What a search looks at. Nothing is owned.
struct MultiSearch {
  std::vector<const Segment*> segments;
  CodeView recent;  // codes that are not in a segment yet
  RowView rows;
};

struct ShellResults {
  std::vector<std::vector<Key>> found;  // the neighbors of each query, sorted
  std::size_t finished;                 // how many queries were scanned for in half of it at most
};

// How many of `threads` threads the shells of so many queries use.
int threads_of_shells(std::size_t queries, int threads);

// A query gives up its shells in a segment, which is then scanned for it, where they are bound to
// cost more than `budget` times what that scan costs; with a budget of 0 all is scanned.
ShellResults search_shells(const MultiSearch& index, const std::uint8_t* queries,
                           std::size_t query_count, SearchLimits limits, double budget, int threads,
                           Level level);

}  // namespace hashlens
