#include "scan.hpp"

#include <algorithm>
#include <memory>

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

// One thread's share of a pass: the neighbours of each query among the rows that it has seen.
class Pass {
 public:
  Pass(const CodeView& database, const std::uint8_t* queries, std::size_t query_count,
       SearchLimits limits, const Kernels& kernels)
      : database_(database), queries_(queries), kernels_(kernels),
        found_(query_count, Neighbours(limits.k, limits.radius, database.ascending)) {}

  void scan(std::size_t begin, std::size_t end) {
    const std::size_t stride = static_cast<std::size_t>(database_.bytes);
    for (std::size_t row = begin; row < end; row += kRowsPerFilter) {
      const std::size_t count = std::min(kRowsPerFilter, end - row);
      for (std::size_t q = 0; q < found_.size(); ++q) {
        const std::size_t near = kernels_.filter_rows(
            database_.codes + row * stride, count, queries_ + q * stride, database_.bytes,
            found_[q].bound(), near_);
        take(q, row, near);
      }
    }
  }

  Neighbours& found(std::size_t q) { return found_[q]; }

 private:
  void take(std::size_t q, std::size_t first_row, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t row = first_row + near_[i].row;
      // The bound may have tightened since the block was filtered.
      if (near_[i].distance < found_[q].bound() && !database_.is_blocked(row)) {
        found_[q].push(near_[i].distance, database_.id(row));
      }
    }
  }

  const CodeView& database_;
  const std::uint8_t* queries_;
  const Kernels& kernels_;
  std::vector<Neighbours> found_;
  Near near_[kRowsPerFilter];
};

std::size_t rows_per_task(std::size_t rows, std::size_t queries, int threads) {
  const std::size_t wanted = std::max(kComparisonsPerTask / queries, std::size_t{1});
  // Four tasks a thread even out threads of different speed; more would only cost.
  const std::size_t even = rows / (4 * static_cast<std::size_t>(threads)) + 1;
  const std::size_t size = std::max(wanted, std::min(even, std::size_t{1} << 20));
  return (size + kRowsPerFilter - 1) / kRowsPerFilter * kRowsPerFilter;
}

void scan_pass(const CodeView& database, const std::uint8_t* queries, std::size_t query_count,
               SearchLimits limits, int threads, const Kernels& kernels, std::vector<Key>* out) {
  const std::size_t step = rows_per_task(database.count, query_count, threads);
  const std::size_t tasks = (database.count + step - 1) / step;
  std::vector<std::unique_ptr<Pass>> passes(static_cast<std::size_t>(threads));
  parallel_for(tasks, threads, [&](std::size_t task, int worker) {
    auto& pass = passes[static_cast<std::size_t>(worker)];
    if (!pass) {
      pass = std::make_unique<Pass>(database, queries, query_count, limits, kernels);
    }
    pass->scan(task * step, std::min(database.count, (task + 1) * step));
  });
  for (std::size_t q = 0; q < query_count; ++q) {
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
    scan_pass(database, queries + first * static_cast<std::size_t>(database.bytes), count, limits,
              threads, kernels, results.data() + first);
  }
  return results;
}

}  // namespace hashlens
