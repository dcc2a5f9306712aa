#include "multi_index.hpp"

#include <algorithm>
#include <iterator>
#include <memory>

#include "interrupt.hpp"
#include "parallel.hpp"
#include "shells.hpp"

namespace hashlens {
namespace {

constexpr std::size_t kQueriesPerTask = 4;
constexpr std::size_t kRowsPerFilter = 512;

std::size_t tasks_of(std::size_t queries) {
  return (queries + kQueriesPerTask - 1) / kQueriesPerTask;
}

// What is known of a query once it was searched for in every segment.
struct Progress {
  std::vector<Key> found;
  int reach = 0;                   // what is wanted lies within it
  std::vector<std::size_t> given;  // numbers of the segments that it gave up and left to a scan
};

// A search of one index, in its two steps: the shells of each query, which are worked at by all
// threads, then the scans of what shells gave up, which queries share.
class MultiSearcher {
 public:
  MultiSearcher(const MultiSearch& index, const std::uint8_t* queries, std::size_t query_count,
                SearchLimits limits, int threads, Level level)
      : index_(index),
        queries_(queries),
        stride_(static_cast<std::size_t>(index.recent.bytes)),
        limits_(limits),
        threads_(threads),
        level_(level),
        kernels_(kernels_for(level, index.recent.bytes)),
        progress_(query_count) {}

  void search_shells(double budget) {
    const std::size_t tasks = tasks_of(progress_.size());
    std::vector<std::unique_ptr<ShellSearch>> workers(static_cast<std::size_t>(threads_));
    parallel_for(tasks, threads_, [&](std::size_t task, int worker) {
      auto& shells = workers[static_cast<std::size_t>(worker)];
      if (!shells) {
        shells = std::make_unique<ShellSearch>(index_.rows, limits_, level_, index_.recent.bytes);
      }
      const std::size_t last = std::min(progress_.size(), (task + 1) * kQueriesPerTask);
      for (std::size_t q = task * kQueriesPerTask; q < last; ++q) search_one(q, budget, *shells);
    });
  }

  // Scans each segment for the queries that gave it up.
  void scan_given_up() {
    std::vector<std::size_t> left;
    for (std::size_t s = 0; s < index_.segments.size(); ++s) {
      left.clear();
      for (std::size_t q = 0; q < progress_.size(); ++q) {
        const auto& given = progress_[q].given;
        if (std::find(given.begin(), given.end(), s) != given.end()) left.push_back(q);
      }
      if (!left.empty()) scan_segment(*index_.segments[s], left);
    }
  }

  ShellResults results() {
    ShellResults results{{}, 0};
    std::size_t codes = 0;
    for (const Segment* segment : index_.segments) codes += segment->unique;
    for (Progress& progress : progress_) {
      std::size_t scanned = 0;
      for (const std::size_t s : progress.given) scanned += index_.segments[s]->unique;
      results.finished += 2 * scanned <= codes;
      results.found.push_back(std::move(progress.found));
    }
    return results;
  }

 private:
  const std::uint8_t* query(std::size_t q) const { return queries_ + q * stride_; }

  void search_one(std::size_t q, double budget, ShellSearch& shells) {
    check_interrupt();
    Progress& progress = progress_[q];
    Neighbors found(limits_.k, limits_.radius, false);
    compare_recent(query(q), found);
    for (std::size_t s = 0; s < index_.segments.size(); ++s) {
      const Segment& segment = *index_.segments[s];
      if (!segment.unique) continue;
      const double allowance = share_of_threads(segment) * shells.scan_cost(segment.unique);
      if (!shells.search(segment, query(q), budget * allowance, found)) progress.given.push_back(s);
    }
    progress.reach = found.bound() - 1;
    found.append_to(progress.found);
    keep_smallest(progress.found, limits_.k);
  }

  // Few queries keep fewer threads busy with their shells than a scan does.
  double share_of_threads(const Segment& segment) const {
    const std::size_t queries = progress_.size();
    return static_cast<double>(threads_of_shells(queries, threads_)) /
           threads_of_scan(segment.unique, queries, threads_);
  }

  void compare_recent(const std::uint8_t* query, Neighbors& found) const {
    const CodeView& recent = index_.recent;
    Near near[kRowsPerFilter];
    for (std::size_t first = 0; first < recent.count; first += kRowsPerFilter) {
      const std::size_t count = std::min(kRowsPerFilter, recent.count - first);
      const std::size_t hits = kernels_.filter_rows(recent.codes + first * stride_, count, query,
                                                    recent.bytes, found.bound(), near);
      for (std::size_t i = 0; i < hits; ++i) {
        offer_row(recent.first_row + first + near[i].row, near[i].distance, index_.rows, found);
      }
    }
  }

  void scan_segment(const Segment& segment, const std::vector<std::size_t>& left) {
    std::vector<std::uint8_t> codes;
    std::vector<int> reaches;
    for (const std::size_t q : left) {
      codes.insert(codes.end(), query(q), query(q) + stride_);
      reaches.push_back(progress_[q].reach);
    }
    const auto found = scan({segment.view()}, index_.rows, codes.data(), left.size(), limits_,
                            reaches.data(), threads_, level_);
    for (std::size_t i = 0; i < left.size(); ++i) add(found[i], progress_[left[i]]);
  }

  // Adds sorted neighbors, some of which the query's shells may have met already.
  void add(const std::vector<Key>& found, Progress& progress) const {
    std::vector<Key> both;
    both.reserve(progress.found.size() + found.size());
    std::set_union(progress.found.begin(), progress.found.end(), found.begin(), found.end(),
                   std::back_inserter(both));
    if (both.size() >= limits_.k) {
      both.resize(limits_.k);
      progress.reach = std::min(progress.reach, key_distance(both.back()));
    }
    progress.found = std::move(both);
  }

  const MultiSearch& index_;
  const std::uint8_t* queries_;
  const std::size_t stride_;
  const SearchLimits limits_;
  const int threads_;
  const Level level_;
  const Kernels kernels_;
  std::vector<Progress> progress_;
};

std::vector<CodeView> views_of(const MultiSearch& index) {
  std::vector<CodeView> views;
  for (const Segment* segment : index.segments) views.push_back(segment->view());
  if (index.recent.count) views.push_back(index.recent);
  return views;
}

}  // namespace

int threads_of_shells(std::size_t queries, int threads) {
  return static_cast<int>(std::min(static_cast<std::size_t>(threads), tasks_of(queries)));
}

ShellResults search_shells(const MultiSearch& index, const std::uint8_t* queries,
                           std::size_t query_count, SearchLimits limits, double budget, int threads,
                           Level level) {
  if (budget <= 0) {
    return {
        scan(views_of(index), index.rows, queries, query_count, limits, nullptr, threads, level),
        0};
  }
  MultiSearcher searcher(index, queries, query_count, limits, threads, level);
  searcher.search_shells(budget);
  searcher.scan_given_up();
  return searcher.results();
}

}  // namespace hashlens
