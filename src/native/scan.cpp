#include "scan.hpp"

#include <algorithm>
#include <memory>

#include "block_filter.hpp"
#include "parallel.hpp"

namespace hashlens {
namespace {

// Rows that are filtered at a time: few enough to stay in the first-level cache for the next
// query, and for the k-th distance to be up to date.
constexpr std::size_t kRowsPerFilter = 512;
// Queries that share one pass over the database.
constexpr std::size_t kQueriesPerPass = 256;
// Comparisons that a thread takes at a time; below twice that a search stays on its own thread.
constexpr std::size_t kComparisonsPerTask = 16384;

// The tables of a block filter pay for themselves from so many queries on.
constexpr std::size_t kQueriesPerBlockFilter = 12;
// Blocks with more wanted rows than this are filtered row by row again instead of picked apart.
constexpr int kManyRows = 12;

// The queries of a pass, as the kernels want them; shared by all threads.
struct Queries {
  const std::uint8_t* codes;
  std::size_t count;
  std::size_t stride;
  FilterBlock filter_block = nullptr;
  std::vector<std::uint16_t> offsets;

  Queries(const std::uint8_t* query_codes, std::size_t query_count, int bytes, Level level)
      : codes(query_codes), count(query_count), stride(static_cast<std::size_t>(bytes)) {
    if (count < kQueriesPerBlockFilter) return;
    filter_block = block_filter_for(level, bytes);
    if (!filter_block) return;
    offsets.resize(count * 2 * stride);
    for (std::size_t q = 0; q < count; ++q) {
      block_offsets(code(q), bytes, offsets.data() + q * 2 * stride);
    }
  }

  const std::uint8_t* code(std::size_t q) const { return codes + q * stride; }
};

// One thread's share of a pass: the neighbours of each query among the rows that it has seen.
class Pass {
 public:
  Pass(const CodeView& database, const Queries& queries, SearchLimits limits,
       const Kernels& kernels)
      : database_(database), queries_(queries), kernels_(kernels),
        found_(queries.count, Neighbours(limits.k, limits.radius, database.ascending)) {
    if (!queries.filter_block) return;
    scratch_.resize(block_scratch(queries.count));
    hits_.resize(queries.count);
    limits_.resize(queries.count);
    for (std::size_t q = 0; q < queries.count; ++q) set_limit(q);
  }

  void scan(std::size_t begin, std::size_t end) {
    const std::size_t step = queries_.filter_block ? kBlockRows : kRowsPerFilter;
    for (std::size_t row = begin; row < end; row += step) {
      const std::size_t count = std::min(step, end - row);
      if (queries_.filter_block) {
        scan_block(row, count);
      } else {
        for (std::size_t q = 0; q < queries_.count; ++q) filter(q, row, count);
      }
    }
  }

  Neighbours& found(std::size_t q) { return found_[q]; }

 private:
  const std::uint8_t* code(std::size_t row) const { return database_.codes + row * queries_.stride; }

  void set_limit(std::size_t q) {
    // A bound of 0 wants nothing; the filter can't say so, and offer() drops what it reports.
    limits_[q] = static_cast<std::uint8_t>(std::clamp(found_[q].bound() - 1, 0, 255));
  }

  void scan_block(std::size_t first, std::size_t count) {
    const BlockQueries queries{queries_.offsets.data(), limits_.data(), queries_.count};
    const std::size_t hits = queries_.filter_block(code(first), count, database_.bytes, queries,
                                                   scratch_.data(), hits_.data());
    for (std::size_t i = 0; i < hits; ++i) {
      const std::size_t q = hits_[i].query;
      if (PortablePopcount::count(hits_[i].rows) > kManyRows) {
        filter(q, first, count);
      } else {
        pick(q, first, hits_[i].rows);
      }
      set_limit(q);
    }
  }

  void pick(std::size_t q, std::size_t first, std::uint64_t rows) {
    for (; rows; rows &= rows - 1) {
      const std::size_t row = first + static_cast<std::size_t>(lowest_bit(rows));
      offer(q, row, kernels_.distance(code(row), queries_.code(q), database_.bytes));
    }
  }

  void filter(std::size_t q, std::size_t first, std::size_t count) {
    const std::size_t near = kernels_.filter_rows(code(first), count, queries_.code(q),
                                                  database_.bytes, found_[q].bound(), near_);
    for (std::size_t i = 0; i < near; ++i) offer(q, first + near_[i].row, near_[i].distance);
  }

  void offer(std::size_t q, std::size_t row, int distance) {
    // The bound may have tightened since the block was filtered.
    if (distance < found_[q].bound() && !database_.is_blocked(row)) {
      found_[q].push(distance, database_.id(row));
    }
  }

  const CodeView& database_;
  const Queries& queries_;
  const Kernels& kernels_;
  std::vector<Neighbours> found_;
  std::vector<std::uint8_t> limits_;
  std::vector<std::uint8_t> scratch_;
  std::vector<BlockHit> hits_;
  Near near_[kRowsPerFilter];
};

std::size_t rows_per_task(std::size_t rows, std::size_t queries, int threads) {
  const std::size_t wanted = std::max(kComparisonsPerTask / queries, std::size_t{1});
  // Four tasks a thread even out threads of different speed; more would only cost.
  const std::size_t even = rows / (4 * static_cast<std::size_t>(threads)) + 1;
  const std::size_t size = std::max(wanted, std::min(even, std::size_t{1} << 20));
  return (size + kRowsPerFilter - 1) / kRowsPerFilter * kRowsPerFilter;
}

void scan_pass(const CodeView& database, const Queries& queries, SearchLimits limits, int threads,
               const Kernels& kernels, std::vector<Key>* out) {
  const std::size_t step = rows_per_task(database.count, queries.count, threads);
  const std::size_t tasks = (database.count + step - 1) / step;
  std::vector<std::unique_ptr<Pass>> passes(static_cast<std::size_t>(threads));
  parallel_for(tasks, threads, [&](std::size_t task, int worker) {
    auto& pass = passes[static_cast<std::size_t>(worker)];
    if (!pass) {
      pass = std::make_unique<Pass>(database, queries, limits, kernels);
    }
    pass->scan(task * step, std::min(database.count, (task + 1) * step));
  });
  for (std::size_t q = 0; q < queries.count; ++q) {
    Neighbours merged(limits.k, limits.radius, false);
    for (const auto& pass : passes) {
      if (pass) merged.merge(pass->found(q));
    }
    out[q] = merged.finish();
  }
}

}  // namespace

std::vector<std::vector<Key>> scan(const CodeView& database, const std::uint8_t* queries,
                                   std::size_t query_count, SearchLimits limits, int threads,
                                   Level level) {
  std::vector<std::vector<Key>> results(query_count);
  const Kernels kernels = kernels_for(level, database.bytes);
  for (std::size_t first = 0; first < query_count; first += kQueriesPerPass) {
    const std::size_t count = std::min(kQueriesPerPass, query_count - first);
    const Queries pass(queries + first * static_cast<std::size_t>(database.bytes), count,
                       database.bytes, level);
    scan_pass(database, pass, limits, threads, kernels, results.data() + first);
  }
  return results;
}

}  // namespace hashlens
