#include "multi_index.hpp"

#include <algorithm>
#include <memory>

#include "parallel.hpp"
#include "shells.hpp"

namespace hashlens {
namespace {

constexpr std::size_t kQueriesPerTask = 4;

// Searches one query; returns whether its shells sufficed.
bool search_one(const MultiSearch& index, const std::uint8_t* query, double budget, int threads,
                const Kernels& kernels, SearchLimits limits, ShellSearch& shells,
                Neighbours& found) {
  const CodeView& recent = index.recent;
  if (recent.count) {
    std::vector<Near> near(recent.count);
    const std::size_t hits = kernels.filter_rows(recent.codes, recent.count, query, recent.bytes,
                                                 found.bound(), near.data());
    for (std::size_t i = 0; i < hits; ++i) {
      offer_rows(recent.groups, near[i].row, recent.first_row, near[i].distance, index.rows,
                 limits.k, found);
    }
  }
  for (const Segment* segment : index.segments) {
    // A scan has all threads, the shells of a query only one.
    const double allowance = budget * shells.scan_cost(segment->unique) / threads;
    if (!shells.search(*segment, query, allowance, found)) return false;
  }
  return true;
}

std::vector<CodeView> views_of(const MultiSearch& index) {
  std::vector<CodeView> views;
  for (const Segment* segment : index.segments) views.push_back(segment->view());
  if (index.recent.count) views.push_back(index.recent);
  return views;
}

// Scans for the queries that left their shells, each within its reach.
void scan_rest(const MultiSearch& index, const std::uint8_t* queries,
               const std::vector<std::size_t>& left, const std::vector<int>& reach,
               SearchLimits limits, int threads, Level level, ShellResults& results) {
  const auto stride = static_cast<std::size_t>(index.recent.bytes);
  std::vector<std::uint8_t> codes;
  std::vector<int> reaches;
  for (const std::size_t q : left) {
    codes.insert(codes.end(), queries + q * stride, queries + (q + 1) * stride);
    reaches.push_back(reach[q]);
  }
  auto found = scan(views_of(index), index.rows, codes.data(), left.size(), limits, reaches.data(),
                    threads, level);
  for (std::size_t i = 0; i < left.size(); ++i) results.found[left[i]] = std::move(found[i]);
}

}  // namespace

ShellResults search_shells(const MultiSearch& index, const std::uint8_t* queries,
                           std::size_t query_count, SearchLimits limits, double budget, int threads,
                           Level level) {
  const int bytes = index.recent.bytes;
  const auto stride = static_cast<std::size_t>(bytes);
  const Kernels kernels = kernels_for(level, bytes);
  const int threads_of_query = query_count > 1 ? 1 : threads;
  ShellResults results{std::vector<std::vector<Key>>(query_count), 0};
  std::vector<int> reach(query_count, limits.radius);
  std::vector<std::uint8_t> finished(query_count, false);
  const std::size_t tasks =
      budget > 0 ? (query_count + kQueriesPerTask - 1) / kQueriesPerTask : std::size_t{0};
  std::vector<std::unique_ptr<ShellSearch>> workers(static_cast<std::size_t>(threads));
  parallel_for(tasks, threads, [&](std::size_t task, int worker) {
    auto& shells = workers[static_cast<std::size_t>(worker)];
    if (!shells) shells = std::make_unique<ShellSearch>(index.rows, limits, level, bytes);
    const std::size_t last = std::min(query_count, (task + 1) * kQueriesPerTask);
    for (std::size_t q = task * kQueriesPerTask; q < last; ++q) {
      Neighbours found(limits.k, limits.radius, false);
      finished[q] = search_one(index, queries + q * stride, budget, threads_of_query, kernels,
                               limits, *shells, found);
      if (finished[q]) {
        found.append_to(results.found[q]);
        keep_smallest(results.found[q], limits.k);
      } else {
        reach[q] = found.bound() - 1;
      }
    }
  });
  std::vector<std::size_t> left;
  for (std::size_t q = 0; q < query_count; ++q) {
    if (!finished[q]) left.push_back(q);
  }
  results.finished = query_count - left.size();
  if (!left.empty()) scan_rest(index, queries, left, reach, limits, threads, level, results);
  return results;
}

}  // namespace hashlens
