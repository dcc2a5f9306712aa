// Many queries against blocks of 64 codes, by look-up tables that all queries share.
#pragma once

#include <cstddef>
#include <cstdint>

#include "hamming.hpp"
#include "kernels.hpp"

namespace hashlens {

constexpr std::size_t kBlockRows = 64;

// Queries in the form that the tables are addressed by.
struct BlockQueries {
  const std::uint8_t* pieces;  // (count, 2 * bytes), from block_pieces
  const std::uint8_t* limits;  // largest distance wanted of each query; 255 for that or more
  std::size_t count;
};

// A query that may want some rows of a block; the mask has a bit a row.
struct BlockHit {
  std::uint32_t query;
  std::uint64_t rows;
};

// Writes to `out` (room for one a query) the queries that have rows within their limit, and which;
// returns how many. Where the limit is 255, rows farther away are reported too.
using FilterBlock = std::size_t (*)(const std::uint8_t* codes, std::size_t rows, int bytes,
                                    const BlockQueries& queries, std::uint8_t* scratch,
                                    BlockHit* out);

// Cuts a query into its 2 * bytes pieces of four bits, times four: with the processor's scale of
// eight that addresses registers of 32 bytes, and a byte a piece keeps all queries in the cache.
void block_pieces(const std::uint8_t* query, int bytes, std::uint8_t* pieces);

// Bytes of scratch memory that a filter needs for so many queries.
inline std::size_t block_scratch(std::size_t queries) { return queries * kBlockRows; }

// Returns the filter for codes of `bytes` bytes, or null where the level has none.
FilterBlock block_filter_for(Level level, int bytes);

}  // namespace hashlens
