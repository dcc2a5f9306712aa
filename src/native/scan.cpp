#include "scan.hpp"

#include <algorithm>
#include <memory>

#include "block_filter.hpp"
#include "interrupt.hpp"
#include "parallel.hpp"

namespace hashlens {
namespace {

// Rows that are filtered at a time: few enough to stay in the first-level cache for the next
// query, and for the k-th distance to be up to date.
constexpr std::size_t kRowsPerFilter = 512;
// Queries that share one pass over the database.
constexpr std::size_t kQueriesPerPass = 256;
// Codes that take more than this don't stay in the caches from one search to the next.
constexpr std::size_t kBytesOfStream = std::size_t{32} << 20;
// A search of fewer comparisons stays on its own thread: waking another would take longer.
constexpr std::size_t kComparisonsToShare = 16384;
// What a thread takes at a time: at least so many comparisons, and at most so many rows.
constexpr std::size_t kComparisonsPerTask = 4096;
constexpr std::size_t kRowsPerTask = std::size_t{1} << 20;

// Whether the call was interrupted is asked after so many.
constexpr std::size_t kComparisonsPerCheck = 65536;

// Fewer neighbors of a query are sorted before another thread is awake.
constexpr std::size_t kNeighborsToShare = 128;

// The tables of a block filter pay for themselves from so many queries on.
constexpr std::size_t kQueriesPerBlockFilter = 12;
// Blocks with more wanted rows than this are filtered row by row again instead of picked apart.
constexpr int kManyRows = 12;

// A sample of the codes is so large that at most so many of the k nearest are expected in it.
constexpr std::size_t kNearestInSample = 16;
// The rank in the sample of the distance that is taken for the k-th of all, four standard
// deviations above that: one query in some thousands has its k-th beyond.
constexpr std::size_t kRankInSample = 32;
// For a smaller k the sample would be too large a share of the codes.
constexpr std::size_t kFewestToSample = 128;
// A k that is a larger share of the codes than one in so many leaves little to push out.
constexpr std::size_t kMostShare = 8;
// Queries share the copying of a sample. From so many on it costs less than their comparisons.
constexpr std::size_t kQueriesThatShareSample = 64;

// The queries of a pass, as the kernels want them; shared by all threads.
struct Queries {
  const std::uint8_t* codes;
  std::size_t count;
  std::size_t stride;
  FilterBlock filter_block = nullptr;
  std::vector<std::uint8_t> pieces;

  Queries(const std::uint8_t* query_codes, std::size_t query_count, int bytes, Level level)
      : codes(query_codes), count(query_count), stride(static_cast<std::size_t>(bytes)) {
    if (count < kQueriesPerBlockFilter) return;
    filter_block = block_filter_for(level, bytes);
    if (!filter_block) return;
    pieces.resize(count * 2 * stride);
    for (std::size_t q = 0; q < count; ++q) {
      block_pieces(code(q), bytes, pieces.data() + q * 2 * stride);
    }
  }

  const std::uint8_t* code(std::size_t q) const { return codes + q * stride; }
};

// What a pass searches: views of the codes of one index.
struct Database {
  const std::vector<CodeView>& views;
  const RowView& rows;

  int bytes() const { return views.front().bytes; }

  std::size_t count() const {
    std::size_t sum = 0;
    for (const CodeView& view : views) sum += view.count;
    return sum;
  }

  bool is_stream() const { return count() * static_cast<std::size_t>(bytes()) > kBytesOfStream; }

  // Whether ids ascend in the order in which a thread meets the codes.
  bool ordered() const { return rows.ascending && views.size() == 1 && !views.front().groups.refs; }
};

// One thread's share of a pass: the neighbors of each query among the codes that it has seen.
class Pass {
 public:
  Pass(const Database& database, const Queries& queries, SearchLimits limits, const int* reach,
       const Kernels& kernels)
      : database_(database),
        queries_(queries),
        kernels_(kernels),
        // The first query brings a block into the cache, where the others find it.
        filter_first_(database.is_stream() ? kernels.filter_stream : kernels.filter_rows),
        k_(limits.k) {
    found_.reserve(queries.count);
    for (std::size_t q = 0; q < queries.count; ++q) {
      found_.emplace_back(k_, reach ? reach[q] : limits.radius, database.ordered());
    }
    if (!queries.filter_block) return;
    scratch_.resize(block_scratch(queries.count));
    hits_.resize(queries.count);
    limits_.resize(queries.count);
    for (std::size_t q = 0; q < queries.count; ++q) set_limit(q);
  }

  void scan(const CodeView& view, std::size_t begin, std::size_t end) {
    view_ = &view;
    std::size_t count = 0;
    std::size_t next_check = begin;
    for (std::size_t first = begin; first < end; first += count) {
      if (first >= next_check) {
        check_interrupt();
        next_check = first + kComparisonsPerCheck / queries_.count;
      }
      count = std::min(rows_at_once_, end - first);
      rows_at_once_ = queries_.filter_block ? kBlockRows : kRowsPerFilter;
      if (queries_.filter_block) {
        scan_block(first, count);
      } else {
        filter(filter_first_, 0, first, count);
        for (std::size_t q = 1; q < queries_.count; ++q) {
          filter(kernels_.filter_rows, q, first, count);
        }
      }
    }
  }

  Neighbors& found(std::size_t q) { return found_[q]; }

 private:
  const std::uint8_t* code(std::size_t at) const { return view_->codes + at * queries_.stride; }

  void set_limit(std::size_t q) {
    // A bound of 0 wants nothing; the filter can't say so, and offer() drops what it reports.
    limits_[q] = static_cast<std::uint8_t>(std::clamp(found_[q].bound() - 1, 0, 255));
  }

  void scan_block(std::size_t first, std::size_t count) {
    const BlockQueries queries{queries_.pieces.data(), limits_.data(), queries_.count};
    const std::size_t hits = queries_.filter_block(code(first), count, view_->bytes, queries,
                                                   scratch_.data(), hits_.data());
    for (std::size_t i = 0; i < hits; ++i) {
      const std::size_t q = hits_[i].query;
      if (PortablePopcount::count(hits_[i].rows) > kManyRows) {
        filter(kernels_.filter_rows, q, first, count);
      } else {
        pick(q, first, hits_[i].rows);
      }
      set_limit(q);
    }
  }

  void pick(std::size_t q, std::size_t first, std::uint64_t rows) {
    for (; rows; rows &= rows - 1) {
      const std::size_t at = first + static_cast<std::size_t>(lowest_bit(rows));
      offer(q, at, kernels_.distance(code(at), queries_.code(q), view_->bytes));
    }
  }

  void filter(FilterRows filter_rows, std::size_t q, std::size_t first, std::size_t count) {
    const std::size_t near =
        filter_rows(code(first), count, queries_.code(q), view_->bytes, found_[q].bound(), near_);
    if (view_->groups.refs) {
      for (std::size_t i = 0; i < near; ++i) prefetch(view_->groups.refs + first + near_[i].row);
    }
    for (std::size_t i = 0; i < near; ++i) offer(q, first + near_[i].row, near_[i].distance);
  }

  void offer(std::size_t q, std::size_t at, int distance) {
    Neighbors& found = found_[q];
    if (view_->groups.refs) {
      if (distance >= found.bound()) return;
      offer_rows(view_->groups, view_->groups.refs[at], view_->first_row, distance, database_.rows,
                 k_, found);
      return;
    }
    offer_row(view_->first_row + at, distance, database_.rows, found);
  }

  const Database& database_;
  const Queries& queries_;
  const Kernels& kernels_;
  const FilterRows filter_first_;
  const std::size_t k_;
  const CodeView* view_ = nullptr;
  std::size_t rows_at_once_ = kBlockRows;  // at first few, as all of them are taken
  std::vector<Neighbors> found_;
  std::vector<std::uint8_t> limits_;
  std::vector<std::uint8_t> scratch_;
  std::vector<BlockHit> hits_;
  Near near_[kRowsPerFilter];
};

struct Task {
  const CodeView* view;
  std::size_t begin, end;
};

std::size_t rows_per_task(std::size_t rows, std::size_t queries, int threads) {
  const std::size_t fewest = kComparisonsPerTask / queries + 1;
  // Four tasks a thread even out threads of different speed; more would only cost.
  const std::size_t even = rows / (4 * static_cast<std::size_t>(threads)) + 1;
  const std::size_t step = std::clamp(even, fewest, kRowsPerTask);
  return (step + kRowsPerFilter - 1) / kRowsPerFilter * kRowsPerFilter;
}

std::vector<Task> tasks_of(const std::vector<CodeView>& views, std::size_t queries, int threads) {
  std::vector<Task> tasks;
  for (const CodeView& view : views) {
    const std::size_t step = rows_per_task(view.count, queries, threads);
    for (std::size_t begin = 0; begin < view.count; begin += step) {
      tasks.push_back({&view, begin, std::min(view.count, begin + step)});
    }
  }
  return tasks;
}

void scan_pass(const Database& database, const Queries& queries, SearchLimits limits,
               const int* reach, int threads, const Kernels& kernels, std::vector<Key>* out) {
  threads = threads_of_scan(database.count(), queries.count, threads);
  const std::vector<Task> tasks = tasks_of(database.views, queries.count, threads);
  std::vector<std::unique_ptr<Pass>> passes(static_cast<std::size_t>(threads));
  parallel_for(tasks.size(), threads, [&](std::size_t task, int worker) {
    auto& pass = passes[static_cast<std::size_t>(worker)];
    if (!pass) pass = std::make_unique<Pass>(database, queries, limits, reach, kernels);
    pass->scan(*tasks[task].view, tasks[task].begin, tasks[task].end);
  });
  if (limits.k < kNeighborsToShare) threads = 1;
  parallel_for(queries.count, threads, [&](std::size_t q, int) {
    for (const auto& pass : passes) {
      if (pass) pass->found(q).append_to(out[q]);
    }
    keep_smallest(out[q], limits.k);
  });
}

// Whether codes that are near at first and pushed out later would cost more than a sample.
bool pays_to_sample(const Database& database, std::size_t queries, std::size_t k) {
  const std::size_t count = database.count();
  if (k < kFewestToSample || k > count / kMostShare) return false;
  return k * std::min(queries, kQueriesThatShareSample) >= count / k;
}

// Whether a code has a row that is not blocked, as far as its first row tells.
bool is_wanted(const CodeView& view, std::size_t at, const RowView& rows) {
  if (!view.groups.refs) return !rows.is_blocked(view.first_row + at);
  bool wanted = false;
  view.groups.for_rows(view.groups.refs[at], [&](std::size_t row) {
    wanted = !rows.is_blocked(view.first_row + row);
    return false;
  });
  return wanted;
}

// Returns one of every `step` codes: which one seems random, lest the order of the codes has a
// period in step with it.
std::vector<std::uint8_t> sample(const Database& database, std::size_t step) {
  const auto stride = static_cast<std::size_t>(database.bytes());
  std::vector<std::uint8_t> codes;
  codes.reserve((database.count() / step + 1) * stride);
  std::size_t before = 0;  // codes in the views before this one
  std::uint64_t number = 0;
  for (const CodeView& view : database.views) {
    for (;; ++number) {
      const std::size_t at = number * step + (number * 0x9e3779b97f4a7c15u >> 32) % step - before;
      if (at >= view.count) break;
      if (!is_wanted(view, at, database.rows)) continue;
      const std::uint8_t* code = view.codes + at * stride;
      codes.insert(codes.end(), code, code + stride);
    }
    before += view.count;
  }
  return codes;
}

// Searches for the queries of a pass, first within a radius each that a sample of the codes
// suggests. Where k is large, that spares most of the work on codes that are no neighbors in the
// end. Those that have fewer than k neighbors there are searched for again, within `reach`.
void scan_sampled(const Database& database, const Queries& queries, SearchLimits limits,
                  const int* reach, int threads, const Kernels& kernels, Level level,
                  std::vector<Key>* out) {
  const std::size_t step = (limits.k + kNearestInSample - 1) / kNearestInSample;
  const std::vector<std::uint8_t> codes = sample(database, step);
  const std::size_t count = codes.size() / queries.stride;
  const std::vector<CodeView> view{{codes.data(), count, database.bytes(), 0, {}}};
  std::vector<std::vector<Key>> near(queries.count);
  scan_pass({view, RowView{}}, queries, {kRankInSample, limits.radius}, reach, threads, kernels,
            near.data());
  std::vector<int> allowed(queries.count, limits.radius);
  if (reach) std::copy_n(reach, queries.count, allowed.begin());
  std::vector<int> tried = allowed;
  for (std::size_t q = 0; q < queries.count; ++q) {
    if (near[q].size() == kRankInSample) tried[q] = key_distance(near[q].back());
  }
  scan_pass(database, queries, limits, tried.data(), threads, kernels, out);
  std::vector<std::size_t> again;
  std::vector<std::uint8_t> their_codes;
  std::vector<int> their_reach;
  for (std::size_t q = 0; q < queries.count; ++q) {
    if (out[q].size() >= limits.k || tried[q] == allowed[q]) continue;
    again.push_back(q);
    their_codes.insert(their_codes.end(), queries.code(q), queries.code(q) + queries.stride);
    their_reach.push_back(allowed[q]);
  }
  if (again.empty()) return;
  std::vector<std::vector<Key>> found(again.size());
  scan_pass(database, {their_codes.data(), again.size(), database.bytes(), level}, limits,
            their_reach.data(), threads, kernels, found.data());
  for (std::size_t i = 0; i < again.size(); ++i) out[again[i]] = std::move(found[i]);
}

}  // namespace

int threads_of_scan(std::size_t codes, std::size_t queries, int threads) {
  queries = std::clamp<std::size_t>(queries, 1, kQueriesPerPass);
  if (codes * queries < kComparisonsToShare) return 1;
  const std::size_t step = rows_per_task(codes, queries, threads);
  return static_cast<int>(std::min(static_cast<std::size_t>(threads), (codes + step - 1) / step));
}

std::vector<std::vector<Key>> scan(const std::vector<CodeView>& views, const RowView& rows,
                                   const std::uint8_t* queries, std::size_t query_count,
                                   SearchLimits limits, const int* reach, int threads,
                                   Level level) {
  std::vector<std::vector<Key>> results(query_count);
  if (views.empty()) return results;
  const Database database{views, rows};
  const Kernels kernels = kernels_for(level, database.bytes());
  const auto stride = static_cast<std::size_t>(database.bytes());
  for (std::size_t first = 0; first < query_count; first += kQueriesPerPass) {
    const std::size_t count = std::min(kQueriesPerPass, query_count - first);
    const Queries pass(queries + first * stride, count, database.bytes(), level);
    const int* their_reach = reach ? reach + first : nullptr;
    if (pays_to_sample(database, count, limits.k)) {
      scan_sampled(database, pass, limits, their_reach, threads, kernels, level,
                   results.data() + first);
    } else {
      scan_pass(database, pass, limits, their_reach, threads, kernels, results.data() + first);
    }
  }
  return results;
}

}  // namespace hashlens
