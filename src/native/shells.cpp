#include "shells.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "interrupt.hpp"

namespace hashlens {
namespace {

// Find one code in the sorted codes of a large bucket, in nanoseconds as the other costs.
constexpr double kLookUpCost = 150;
// Shells cheaper than this share of the allowance are searched even if later ones look hopeless:
// they may bring the k-th distance down.
constexpr double kCheapShare = 0.02;

constexpr double kProbesPerCheck = 1000;  // whether the call was interrupted
constexpr std::size_t kProbesAhead = 64;  // hide the latency of memory behind so many look-ups
constexpr std::size_t kRangesAhead = 16;
constexpr std::size_t kBytesAhead = 256;  // of a bucket; the processor itself goes on from there
constexpr std::size_t kCacheLine = 64;
constexpr std::size_t kRowsPerFilter = 512;

// Returns the number of ways to choose `k` of `n`.
double choose(int n, int k) {
  double ways = 1;
  for (int i = 1; i <= k; ++i) ways = ways * (n - k + i) / i;
  return ways;
}

// Returns the next larger number with as many set bits (Gosper's hack); `mask` is not 0.
std::uint64_t next_mask(std::uint64_t mask) {
  const std::uint64_t lowest = mask & (~mask + 1);
  const std::uint64_t ripple = mask + lowest;
  return ripple | ((mask ^ ripple) >> 2) / lowest;
}

}  // namespace

ShellSearch::ShellSearch(const RowView& rows, SearchLimits limits, Level level, int bytes)
    : rows_(rows),
      limits_(limits),
      kernels_(kernels_for(level, bytes)),
      row_cost_(kRowCostPerByte * bytes),
      scan_cost_(kScanCostPerByte * bytes) {}

// After shell `radius` of tables 0..t, a code that was not seen is at least radius + 1 bits away
// in t + 1 substrings and radius bits in the others: at least m · radius + t + 1 in all. So all
// codes up to m · radius + t are known, ties among them, and once the k-th lies there it is final.
bool ShellSearch::search(const Segment& segment, const std::uint8_t* query, double allowance,
                         Neighbors& found) {
  begin(segment, query, allowance);
  if (look_up_ball(found)) return true;
  const int tables = static_cast<int>(segment.tables.size());
  for (int radius = 0; radius <= segment.key_bits; ++radius) {
    const double probes = choose(segment.key_bits, radius);
    for (int t = 0; t < tables; ++t) {
      if (probes > kProbesPerCheck) check_interrupt();
      const int certain = tables * radius + t;
      if (!is_affordable(probes, certain, found.bound() - 1)) return false;
      probe(static_cast<std::size_t>(t), radius);
      if (!spend(probes, radius)) return false;
      compare(static_cast<std::size_t>(t), radius, found);
      if (found.bound() - 1 <= certain) return true;
    }
  }
  return true;
}

void ShellSearch::begin(const Segment& segment, const std::uint8_t* query, double allowance) {
  segment_ = &segment;
  query_ = query;
  seen_within_ = -1;
  allowance_ = allowance;
  spent_ = 0;
  in_bucket_ = std::ldexp(static_cast<double>(segment.unique), -segment.key_bits);
  keys_.resize(segment.tables.size());
  for (std::size_t t = 0; t < keys_.size(); ++t) {
    keys_[t] = key_of(query, segment.bytes, segment.key_start(t), segment.key_bits);
  }
}

// Whether to go on with a step of so many probes, after which all codes up to `certain` are known,
// where those up to `reach` are wanted.
bool ShellSearch::is_affordable(double probes, int certain, int reach) const {
  const double cost_of_probe =
      kProbeCost + std::min(in_bucket_, 1.0) * kRangeCost + in_bucket_ * row_cost_;
  const double now = probes * cost_of_probe;
  if (spent_ + now > allowance_) return false;
  return now <= kCheapShare * allowance_ ||
         spent_ + probes_until(reach, certain) * cost_of_probe <= allowance_;
}

// Books the probes just made and the comparisons that follow from them; returns whether the
// allowance covers both.
bool ShellSearch::spend(double probes, int radius) {
  spent_ += probes * kProbeCost + static_cast<double>(ranges_.size()) * kRangeCost +
            static_cast<double>(in_ranges_) * row_cost_;
  // Codes clump around the query, so the next buckets may be fuller than the mean. The first is no
  // measure: it may hold nothing but the query's own clump.
  if (radius > 0) in_bucket_ = std::max(in_bucket_, static_cast<double>(in_ranges_) / probes);
  return spent_ <= allowance_;
}

// Returns how many probes it takes, from the step that makes codes up to `certain` known on, until
// those up to `reach` are.
double ShellSearch::probes_until(int reach, int certain) const {
  const int tables = static_cast<int>(segment_->tables.size());
  double probes = 0;
  for (int at = certain; at <= reach && at / tables <= segment_->key_bits; ++at) {
    probes += choose(segment_->key_bits, at / tables);
  }
  return probes;
}

// Learned codes clump: a bucket may hold a hundred thousand codes around the query, while its
// nearest differ from it in no bit or in one. Then finding these few codes in the sorted table is
// much cheaper than the first shell. Returns whether that settled the query.
bool ShellSearch::look_up_ball(Neighbors& found) {
  const int bits = 8 * segment_->bytes;
  double first_shell = 0;
  for (std::size_t t = 0; t < segment_->tables.size(); ++t) {
    const std::uint32_t* offsets = segment_->tables[t].offsets + keys_[t];
    first_shell += (offsets[1] - offsets[0]) * row_cost_;
  }
  if (first_shell < 2 * kLookUpCost) return false;
  std::uint8_t code[kMaxBytes];
  std::memcpy(code, query_, static_cast<std::size_t>(segment_->bytes));
  look_up(code, 0, found);
  seen_within_ = 0;
  if (found.bound() - 1 <= 0) return true;
  if (first_shell < bits * kLookUpCost) return false;
  for (int bit = 0; bit < bits; ++bit) {
    code[bit / 8] ^= static_cast<std::uint8_t>(128 >> (bit % 8));
    look_up(code, 1, found);
    code[bit / 8] ^= static_cast<std::uint8_t>(128 >> (bit % 8));
  }
  seen_within_ = 1;
  return found.bound() - 1 <= 1;
}

void ShellSearch::look_up(const std::uint8_t* code, int distance, Neighbors& found) {
  if (distance >= found.bound()) return;
  const Table& table = segment_->tables[0];
  const auto stride = static_cast<std::size_t>(segment_->bytes);
  const std::uint32_t key = key_of(code, segment_->bytes, 0, segment_->key_bits);
  std::size_t low = table.offsets[key];
  std::size_t high = std::min<std::size_t>(table.offsets[key + 1], segment_->unique);
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    const int order = std::memcmp(table.codes + middle * stride, code, stride);
    if (order == 0) return offer(table.refs[middle], distance, found);
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
}

// Collects the buckets of `table` whose keys differ from the query's in exactly `radius` bits.
void ShellSearch::probe(std::size_t table, int radius) {
  const std::uint32_t* offsets = segment_->tables[table].offsets;
  const std::uint64_t end = std::uint64_t{1} << segment_->key_bits;
  ranges_.clear();
  in_ranges_ = 0;
  std::uint64_t mask = (std::uint64_t{1} << radius) - 1;
  std::uint32_t ahead[kProbesAhead];
  for (bool more = mask < end; more;) {
    std::size_t count = 0;
    while (more && count < kProbesAhead) {
      ahead[count] = keys_[table] ^ static_cast<std::uint32_t>(mask);
      prefetch(offsets + ahead[count++]);
      more = radius > 0 && (mask = next_mask(mask)) < end;
    }
    for (std::size_t i = 0; i < count; ++i) {
      const Range range{offsets[ahead[i]], offsets[ahead[i] + 1]};
      if (range.begin == range.end) continue;
      ranges_.push_back(range);
      in_ranges_ += range.end - range.begin;
    }
  }
}

// Compares the query with the codes of the collected buckets.
void ShellSearch::compare(std::size_t table_number, int radius, Neighbors& found) {
  const Table& table = segment_->tables[table_number];
  const auto stride = static_cast<std::size_t>(segment_->bytes);
  Near near[kRowsPerFilter];
  for (std::size_t i = 0; i < ranges_.size(); ++i) {
    if (i + kRangesAhead < ranges_.size()) {
      const Range& next = ranges_[i + kRangesAhead];
      const std::size_t size = std::min((next.end - next.begin) * stride, kBytesAhead);
      for (std::size_t at = 0; at < size; at += kCacheLine) {
        prefetch(table.codes + next.begin * stride + at);
      }
    }
    // A mapped file may have changed since its offsets were checked.
    const std::size_t end = std::min<std::size_t>(ranges_[i].end, segment_->unique);
    for (std::size_t at = ranges_[i].begin; at < end; at += kRowsPerFilter) {
      const std::size_t count = std::min(kRowsPerFilter, end - at);
      const std::size_t hits = kernels_.filter_rows(table.codes + at * stride, count, query_,
                                                    segment_->bytes, found.bound(), near);
      for (std::size_t h = 0; h < hits; ++h) prefetch(table.refs + at + near[h].row);
      for (std::size_t h = 0; h < hits; ++h) {
        const std::size_t row = at + near[h].row;
        if (near[h].distance <= seen_within_ || near[h].distance >= found.bound()) continue;
        if (!is_first(table_number, radius, table.codes + row * stride)) continue;
        offer(table.refs[row], near[h].distance, found);
      }
    }
  }
}

// Whether no earlier shell, and no earlier table of this one, has met the code. This needs no
// memory of what was seen: the distances of the substrings tell.
bool ShellSearch::is_first(std::size_t table, int radius, const std::uint8_t* code) const {
  for (std::size_t t = 0; t < segment_->tables.size(); ++t) {
    if (t == table) continue;
    const std::uint32_t key =
        key_of(code, segment_->bytes, segment_->key_start(t), segment_->key_bits);
    const int apart = PortablePopcount::count(key ^ keys_[t]);
    if (t < table ? apart <= radius : apart < radius) return false;
  }
  return true;
}

}  // namespace hashlens
