// Exercises the native kernels under AddressSanitizer and UndefinedBehaviorSanitizer, against the
// plainest implementation there is. Codes lie in blocks of exactly their size, so that reading one
// byte beyond an end is caught.
#include <algorithm>
#include <atomic>
#include <bitset>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

#include "components.hpp"
#include "histograms.hpp"
#include "multi_index.hpp"
#include "parallel.hpp"
#include "scan.hpp"

using namespace hashlens;

namespace {

int g_checks = 0;

void check(bool holds, const char* what, int line) {
  ++g_checks;
  if (holds) return;
  std::fprintf(stderr, "native_test.cpp:%d: %s\n", line, what);
  std::exit(1);
}
#define CHECK(condition) check(condition, #condition, __LINE__)

using Codes = std::vector<std::uint8_t>;

int naive_distance(const std::uint8_t* a, const std::uint8_t* b, int bytes) {
  std::size_t sum = 0;
  for (int i = 0; i < bytes; ++i) sum += std::bitset<8>(a[i] ^ b[i]).count();
  return static_cast<int>(sum);
}

Codes random_codes(std::mt19937& rng, std::size_t count, int bytes, bool clumped) {
  Codes codes(count * static_cast<std::size_t>(bytes));
  for (auto& byte : codes) byte = static_cast<std::uint8_t>(rng());
  if (!clumped) return codes;
  for (std::size_t i = 3; i < count; ++i) {
    std::copy_n(codes.begin() + (i % 3) * bytes, bytes, codes.begin() + i * bytes);
    if (rng() % 2) codes[i * bytes + rng() % bytes] ^= static_cast<std::uint8_t>(1u << rng() % 8);
  }
  return codes;
}

std::vector<Key> naive_search(const Codes& codes, int bytes, const RowView& rows,
                              const std::uint8_t* query, SearchLimits limits) {
  std::vector<Key> keys;
  for (std::size_t row = 0; row * bytes < codes.size(); ++row) {
    const int d = naive_distance(codes.data() + row * bytes, query, bytes);
    if (d <= limits.radius && !rows.is_blocked(row)) keys.push_back(make_key(d, rows.id(row)));
  }
  std::sort(keys.begin(), keys.end());
  if (keys.size() > limits.k) keys.resize(limits.k);
  return keys;
}

struct Fixture {
  std::mt19937 rng;
  int bytes;
  Codes codes, queries;
  std::vector<std::int64_t> ids;
  std::vector<std::uint8_t> blocked;
  RowView rows;

  Fixture(int code_bytes, std::size_t count, std::size_t query_count, bool clumped, unsigned seed)
      : rng(seed),
        bytes(code_bytes),
        codes(random_codes(rng, count, bytes, clumped)),
        queries(random_codes(rng, query_count, bytes, false)),
        blocked((count + 7) / 8) {
    const std::size_t same = std::min<std::size_t>({count, query_count, 2});
    std::copy_n(codes.begin(), same * bytes, queries.begin());
    for (std::size_t row = 0; row < count; ++row) ids.push_back(static_cast<std::int64_t>(row * 3));
    std::shuffle(ids.begin(), ids.end(), rng);
    for (auto& byte : blocked) byte = static_cast<std::uint8_t>(rng() & rng() & rng());
  }

  std::size_t count() const { return codes.size() / bytes; }
  std::size_t query_count() const { return queries.size() / bytes; }
};

void expect_equal(const Fixture& f, const std::vector<std::vector<Key>>& found,
                  SearchLimits limits) {
  for (std::size_t q = 0; q < f.query_count(); ++q) {
    CHECK(found[q] ==
          naive_search(f.codes, f.bytes, f.rows, f.queries.data() + q * f.bytes, limits));
  }
}

// A k of 130 among 1,100 codes begins with a sample.
const std::vector<SearchLimits> kLimits = {{1, 512},
                                           {7, 512},
                                           {130, 512},
                                           {130, 9},
                                           {5000, 512},
                                           {Neighbors::kNoLimit, 3},
                                           {Neighbors::kNoLimit, 40}};

constexpr double kUnlimited = 1e9;  // a budget that no shells exceed

SearchLimits within(SearchLimits limits, int bytes) {
  return {limits.k, std::min(limits.radius, 8 * bytes)};
}

void test_scan(Level level, int bytes, std::size_t count, std::size_t queries, bool clumped) {
  Fixture f(bytes, count, queries, clumped, static_cast<unsigned>(bytes + count));
  const CodeView view{f.codes.data(), f.count(), bytes, 0, {}};
  for (const bool plain : {true, false}) {
    if (!plain) f.rows = {f.ids.data(), false, f.blocked.data()};
    for (SearchLimits limits : kLimits) {
      limits = within(limits, bytes);
      expect_equal(f, scan({view}, f.rows, f.queries.data(), queries, limits, nullptr, 3, level),
                   limits);
    }
  }
}

// A search streams only large sets, so both filters are compared here.
void test_filters(Level level, int bytes, std::size_t count) {
  Fixture f(bytes, count, 2, true, static_cast<unsigned>(bytes * count));
  const Kernels kernels = kernels_for(level, bytes);
  for (std::size_t q = 0; q < f.query_count(); ++q) {
    const std::uint8_t* query = f.queries.data() + q * bytes;
    for (const int bound : {0, 1, 2, 3 * bytes, 8 * bytes, 8 * bytes + 1}) {
      std::vector<Near> expected;
      for (std::size_t row = 0; row < count; ++row) {
        const int d = naive_distance(f.codes.data() + row * bytes, query, bytes);
        if (d < bound) expected.push_back({static_cast<std::uint32_t>(row), d});
      }
      for (const FilterRows filter : {kernels.filter_rows, kernels.filter_stream}) {
        std::vector<Near> near(count);
        near.resize(filter(f.codes.data(), count, query, bytes, bound, near.data()));
        CHECK(std::equal(near.begin(), near.end(), expected.begin(), expected.end(),
                         [](const Near& a, const Near& b) {
                           return a.row == b.row && a.distance == b.distance;
                         }));
      }
    }
  }
}

struct OwnedSegment {
  BuiltSegment built;
  Segment segment;

  OwnedSegment(const std::uint8_t* codes, std::size_t count, int bytes, std::size_t first_row,
               int tables, int key_bits)
      : built(build_segment(codes, count, bytes, nullptr, tables, key_bits, 2)) {
    segment.bytes = bytes;
    segment.key_bits = key_bits;
    segment.unique = built.tables[0].refs.size();
    segment.first_row = first_row;
    segment.groups = {nullptr,
                      built.group_starts.data(),
                      built.group_rows.data(),
                      built.group_starts.size() - 1,
                      built.group_rows.size(),
                      count};
    for (const BuiltTable& table : built.tables) {
      segment.tables.push_back({table.offsets.data(), table.codes.data(), table.refs.data()});
    }
    check_segment(segment);
  }
};

// Enough queries for the tables of a block filter, a few, and a lone one, which has all threads.
void test_shells(Level level, int bytes, int tables, int key_bits, bool clumped, double budget) {
  for (const std::size_t queries : {std::size_t{30}, std::size_t{5}, std::size_t{1}}) {
    Fixture f(bytes, 700, queries, clumped, static_cast<unsigned>(bytes * tables));
    const OwnedSegment elder(f.codes.data(), 400, bytes, 0, tables, key_bits);
    const OwnedSegment younger(f.codes.data() + 400 * bytes, 250, bytes, 400, tables, key_bits);
    MultiSearch index{
        {&elder.segment, &younger.segment}, {f.codes.data() + 650 * bytes, 50, bytes, 650, {}}, {}};
    for (const bool plain : {true, false}) {
      if (!plain) f.rows = {f.ids.data(), false, f.blocked.data()};
      index.rows = f.rows;
      for (SearchLimits limits : kLimits) {
        limits = within(limits, bytes);
        const ShellResults results =
            search_shells(index, f.queries.data(), queries, limits, budget, 2, level);
        expect_equal(f, results.found, limits);
        if (budget == 0) CHECK(results.finished == 0);
        if (budget == kUnlimited) CHECK(results.finished == queries);
        CHECK(results.finished <= queries);
      }
    }
  }
}

void test_unpacking() {
  Fixture f(8, 500, 3, true, 5);
  const OwnedSegment owned(f.codes.data(), f.count(), 8, 0, 4, 16);
  Codes codes(f.codes.size());
  std::vector<std::uint8_t> present(f.count());
  unpack_segment(owned.segment, codes.data(), present.data());
  CHECK(codes == f.codes);
  CHECK(std::all_of(present.begin(), present.end(), [](int here) { return here == 1; }));
}

template <class Damage>
void expect_refused(Damage damage) {
  Fixture f(8, 300, 3, true, 6);
  OwnedSegment owned(f.codes.data(), f.count(), 8, 0, 2, 10);
  damage(owned.built);
  bool refused = false;
  try {
    check_segment(owned.segment);
  } catch (const std::invalid_argument&) {
    refused = true;
  }
  CHECK(refused);
}

void test_damaged_segments() {
  expect_refused([](BuiltSegment& s) { s.tables[1].offsets[7] = 1u << 30; });
  expect_refused([](BuiltSegment& s) { s.tables[0].offsets[0] = 1; });
  expect_refused([](BuiltSegment& s) { s.tables[0].offsets.back() += 1; });
  expect_refused([](BuiltSegment& s) { s.tables[1].refs[0] = 300; });
  expect_refused([](BuiltSegment& s) { s.tables[1].refs[2] = RowGroups::kGroupFlag | 4000; });
  expect_refused([](BuiltSegment& s) { s.group_rows[0] = 300; });
  expect_refused([](BuiltSegment& s) { s.group_starts[0] = 7000; });
}

void test_histograms(Level level, int bytes) {
  Fixture f(bytes, 203, 6, true, 9);
  std::vector<std::int64_t> labels, query_labels;
  for (std::size_t row = 0; row < f.count(); ++row) labels.push_back(static_cast<int>(row % 5) - 2);
  for (std::size_t q = 0; q < f.query_count(); ++q) query_labels.push_back(static_cast<int>(q) - 2);
  const std::size_t width = 8 * static_cast<std::size_t>(bytes) + 1;
  std::vector<std::int32_t> total(f.query_count() * width), relevant(total);
  label_histograms({f.queries.data(), query_labels.data(), f.query_count()},
                   {f.codes.data(), labels.data(), f.count()}, bytes, 2, level, total.data(),
                   relevant.data());
  for (std::size_t q = 0; q < f.query_count(); ++q) {
    for (std::size_t row = 0; row < f.count(); ++row) {
      const int d =
          naive_distance(f.codes.data() + row * bytes, f.queries.data() + q * bytes, bytes);
      --total[q * width + d];
      if (labels[row] == query_labels[q]) --relevant[q * width + d];
    }
  }
  const auto zero = [](std::int32_t count) { return count == 0; };
  CHECK(std::all_of(total.begin(), total.end(), zero));
  CHECK(std::all_of(relevant.begin(), relevant.end(), zero));
}

void test_components() {
  std::mt19937 rng(5);
  for (const std::size_t nodes : {1, 2, 60, 300}) {
    for (const std::size_t edges : {std::size_t{0}, nodes / 2, 2 * nodes}) {
      std::vector<std::int64_t> first(edges), second(edges), expected(nodes);
      for (auto* ends : {&first, &second}) {
        for (auto& node : *ends) node = static_cast<std::int64_t>(rng() % nodes);
      }
      for (std::size_t node = 0; node < nodes; ++node) {
        expected[node] = static_cast<std::int64_t>(node);
      }
      for (bool changed = true; changed;) {  // each node takes the smallest it is connected to
        changed = false;
        for (std::size_t e = 0; e < edges; ++e) {
          auto &a = expected[first[e]], &b = expected[second[e]];
          changed = changed || a != b;
          a = b = std::min(a, b);
        }
      }
      const auto labels = connected_components(nodes, first.data(), second.data(), edges);
      std::int64_t next = 0;
      for (std::size_t node = 0; node < nodes; ++node) {
        const auto smallest = static_cast<std::size_t>(expected[node]);
        if (smallest == node) CHECK(labels[node] == next++);
        CHECK(labels[node] == labels[smallest]);
      }
    }
  }
  for (const std::int64_t node : {std::int64_t{-1}, std::int64_t{3}, INT64_MAX, INT64_MIN}) {
    const std::int64_t there = 0;
    bool refused = false;
    try {
      connected_components(3, &there, &node, 1);
    } catch (const std::invalid_argument&) {
      refused = true;
    }
    CHECK(refused);
  }
}

void test_pool() {
  for (int round = 0; round < 200; ++round) {
    std::vector<std::atomic<int>> done(57);
    parallel_for(done.size(), 1 + round % 5, [&](std::size_t task, int) { ++done[task]; });
    for (const auto& times : done) CHECK(times == 1);
  }
  bool thrown = false;
  try {
    parallel_for(100, 4, [](std::size_t task, int) {
      if (task == 41) throw std::runtime_error("task");
    });
  } catch (const std::runtime_error&) {
    thrown = true;
  }
  CHECK(thrown);
  std::vector<std::thread> callers;
  std::atomic<int> sum{0};
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&] {
      for (int round = 0; round < 50; ++round) {
        parallel_for(16, 3, [&](std::size_t, int) { ++sum; });
      }
    });
  }
  for (auto& caller : callers) caller.join();
  CHECK(sum == 4 * 50 * 16);
}

}  // namespace

int main() {
  for (const Level level : available_levels()) {
    for (const int bytes : {1, 3, 4, 5, 6, 8, 12, 13, 16, 17, 32, 33, 63, 64}) {
      for (const bool clumped : {false, true}) {
        for (const std::size_t count : {std::size_t{1}, std::size_t{63}, std::size_t{1100}}) {
          test_scan(level, bytes, count, 3, clumped);
          test_scan(level, bytes, count, 14, clumped);
        }
        const int tables = std::min(bytes, 4);
        const int key_bits = std::min(8 * bytes / tables, 9);
        for (const double budget : {0.0, 0.2, kUnlimited}) {
          test_shells(level, bytes, tables, key_bits, clumped, budget);
        }
      }
      for (const std::size_t count : {1, 7, 8, 9, 200}) test_filters(level, bytes, count);
      test_histograms(level, bytes);
    }
  }
  test_unpacking();
  test_damaged_segments();
  test_components();
  test_pool();
  std::printf("%d checks passed\n", g_checks);
  return 0;
}
