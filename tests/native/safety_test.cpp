// What callers and files must not be able to do: write out of bounds, or keep a call from ending.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

#include "components.hpp"
#include "histograms.hpp"
#include "interrupt.hpp"
#include "multi_index.hpp"
#include "parallel.hpp"

using namespace hashlens;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Clock = std::chrono::steady_clock;

#if defined(__SANITIZE_THREAD__)
constexpr bool kFindsRaces = true;
#elif defined(__has_feature)
constexpr bool kFindsRaces = __has_feature(thread_sanitizer);
#else
constexpr bool kFindsRaces = false;
#endif

int g_checks = 0;

void check(bool holds, const char* what, int line) {
  ++g_checks;
  if (holds) return;
  std::fprintf(stderr, "safety_test.cpp:%d: %s\n", line, what);
  std::exit(1);
}
#define CHECK(condition) check(condition, #condition, __LINE__)

std::vector<std::uint8_t> random_bytes(std::size_t count, unsigned seed) {
  std::mt19937 rng(seed);
  std::vector<std::uint8_t> bytes(count);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(rng());
  return bytes;
}

// Calls `run` again and again while another thread writes to `values`.
template <class T, class Run>
void while_changing(std::vector<T>& values, T large, Run run) {
  std::atomic<bool> done{false};
  std::thread writer([&] {
    volatile T* at = values.data();
    for (std::size_t i = 0; !done; ++i) at[i * 7919 % values.size()] = i % 2 ? T{} : large;
  });
  for (int round = 0; round < 60; ++round) {
    try {
      run();
    } catch (const std::invalid_argument&) {
    }
  }
  done = true;
  writer.join();
}

// Meant to race: what is computed may be wrong, memory may not.
void test_arrays_that_change() {
  auto codes = random_bytes(8 * 30'000, 1);
  while_changing<std::uint8_t>(codes, 255, [&] {
    const std::size_t rows = codes.size() / 8;
    const BuiltSegment built = build_segment(codes.data(), rows, 8, nullptr, 4, 16, 2);
    CHECK(built.tables[0].refs.size() <= rows);
  });
  auto few = random_bytes(8 * 20, 2);
  std::vector<std::int64_t> labels(30'000, 1), query_labels(20, 1);
  while_changing<std::int64_t>(labels, INT64_MAX, [&] {
    std::vector<std::int32_t> total(20 * 65), relevant(20 * 65);
    label_histograms({few.data(), query_labels.data(), 20}, {codes.data(), labels.data(), 30'000},
                     8, 2, Level::kPortable, total.data(), relevant.data());
  });
  std::vector<std::int64_t> nodes(30'000, 1);
  while_changing<std::int64_t>(
      nodes, INT64_MAX, [&] { connected_components(2, nodes.data(), nodes.data(), nodes.size()); });
}

// The fuzzer's target, on inputs that are merely random.
void test_damaged_segments() {
  for (unsigned seed = 0; seed < 3000; ++seed) {
    const auto input = random_bytes(40 + seed % 700, seed);
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
}

bool always() { return true; }
bool never() { return false; }

// A search that would go on for minutes.
void search_for_long(int threads) {
  static const auto codes = random_bytes(64 * 200'000, 3);
  static const auto queries = random_bytes(64 * 40'000, 4);
  const CodeView view{codes.data(), codes.size() / 64, 64, 0, {}};
  scan({view}, {}, queries.data(), queries.size() / 64, {10, 512}, nullptr, threads,
       Level::kPortable);
}

template <class Run>
bool is_interrupted_soon(Run run) {
  const auto start = Clock::now();
  try {
    run();
  } catch (const Interrupted&) {
    return Clock::now() - start < std::chrono::seconds(5);  // sanitizers are slow
  }
  return false;
}

void test_interrupts() {
  for (const int threads : {1, 3}) {
    CHECK(is_interrupted_soon([&] {
      const Call call(always);
      search_for_long(threads);
    }));
  }
  {
    const Call call(never);
    check_interrupt();
    const Call inner(always);  // as one that a signal handler makes
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    CHECK(is_interrupted_soon([] {
      while (true) check_interrupt();
    }));
  }
  {
    const Call call(never);
    std::atomic<int> done{0};
    parallel_for(100, 3, [&](std::size_t, int) { ++done; });
    CHECK(done == 100);
  }
}

// Comes last: nothing can be called afterwards.
void test_stopping() {
  std::atomic<bool> started{false}, soon{false};
  std::thread other([&] {
    soon = is_interrupted_soon([&] {
      const Call call(never);
      started = true;
      search_for_long(2);
    });
  });
  while (!started) std::this_thread::yield();
  stop_calls();
  other.join();
  CHECK(soon);
  CHECK(is_interrupted_soon([] { const Call call; }));
}

}  // namespace

int main() {
  if (!kFindsRaces) test_arrays_that_change();
  test_damaged_segments();
  test_interrupts();
  test_stopping();
  std::printf("%d checks passed\n", g_checks);
  return 0;
}
