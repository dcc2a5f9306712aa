// The growing shells of one query in one segment.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "multi_index.hpp"

namespace hashlens {

// Costs in nanoseconds, as measured on a server of 2021 with queries that follow each other, so
// that most of what a query needs is in no near cache. Only their ratios matter, and only for
// choosing between shells and scans: results do not depend on them.
constexpr double kProbeCost = 10;  // look up the bounds of a bucket
constexpr double kRangeCost = 24;  // go to the codes of a bucket that is not empty
constexpr double kRowCostPerByte = 0.09;
constexpr double kScanCostPerByte = 0.04;  // a scan reads the codes in their order

// Searches one segment at a time; keeps its buffers between queries.
class ShellSearch {
 public:
  ShellSearch(const RowView& rows, SearchLimits limits, Level level, int bytes);

  // Offers to `found` all codes of the segment that can be among the neighbors, or returns false
  // where that is bound to cost more than `allowance`; then `found` holds only some of them.
  bool search(const Segment& segment, const std::uint8_t* query, double allowance,
              Neighbors& found);

  // The cost of comparing a query with so many codes, in the unit of `allowance`.
  double scan_cost(std::size_t codes) const { return static_cast<double>(codes) * scan_cost_; }

 private:
  struct Range {
    std::uint32_t begin, end;
  };

  void begin(const Segment& segment, const std::uint8_t* query, double allowance);
  bool is_affordable(double probes, int certain, int reach) const;
  bool spend(double probes, int radius);
  double probes_until(int reach, int certain) const;
  bool look_up_ball(Neighbors& found);
  void look_up(const std::uint8_t* code, int distance, Neighbors& found);
  void probe(std::size_t table, int radius);
  void compare(std::size_t table, int radius, Neighbors& found);
  bool is_first(std::size_t table, int radius, const std::uint8_t* code) const;
  void offer(std::uint32_t ref, int distance, Neighbors& found) {
    offer_rows(segment_->groups, ref, segment_->first_row, distance, rows_, limits_.k, found);
  }

  const RowView& rows_;
  SearchLimits limits_;
  Kernels kernels_;
  double row_cost_;   // of a code in a bucket
  double scan_cost_;  // of a code in a scan

  const Segment* segment_ = nullptr;
  const std::uint8_t* query_ = nullptr;
  double allowance_ = 0;
  double spent_ = 0;
  double in_bucket_ = 0;  // codes that a probe is expected to meet
  int seen_within_ = -1;  // codes up to this distance were offered before the shells began
  std::vector<std::uint32_t> keys_;  // the query's key in each table
  std::vector<Range> ranges_;        // the buckets of the shell at hand
  std::uint64_t in_ranges_ = 0;      // the codes in them
};

}  // namespace hashlens
