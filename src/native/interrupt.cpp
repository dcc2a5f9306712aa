#include "interrupt.hpp"

#include <mutex>
#include <thread>

#if !defined(_WIN32)
#include <pthread.h>
#endif

namespace hashlens {
namespace {

constexpr unsigned kChecksPerClock = 16;  // reading the clock takes as long as several checks
constexpr std::chrono::milliseconds kPolling{100};

std::atomic<bool> g_stopped{false};
std::atomic<int> g_running{0};

// What this thread works for, and whether it is the one to poll.
thread_local Call* t_call = nullptr;
thread_local bool t_polls = false;

// A forked child has none of its parent's calls.
void forget_calls_after_fork() {
#if !defined(_WIN32)
  static std::once_flag once;
  std::call_once(once, [] { pthread_atfork(nullptr, nullptr, [] { g_running = 0; }); });
#endif
}

}  // namespace

Call::Call(bool (*poll)()) : poll_(poll), outer_(t_call), outer_polls_(t_polls) {
  forget_calls_after_fork();
  ++g_running;
  if (g_stopped) {
    --g_running;
    throw Interrupted();
  }
  t_call = this;
  t_polls = poll != nullptr;
}

Call::~Call() {
  t_call = outer_;
  t_polls = outer_polls_;
  --g_running;
}

bool Call::poll_now() {
  if (++checks_ % kChecksPerClock) return false;
  const auto now = std::chrono::steady_clock::now();
  // Short calls never read the clock, so the time counts from the first check that does.
  const bool is_first = next_poll_ == std::chrono::steady_clock::time_point();
  if (!is_first && now < next_poll_) return false;
  next_poll_ = now + kPolling;
  return !is_first && poll_();
}

Helper::Helper(Call* call) {
  t_call = call;
  t_polls = false;
}

Helper::~Helper() { t_call = nullptr; }

Call* current_call() { return t_call; }

bool is_interrupted() {
  if (g_stopped.load(std::memory_order_relaxed)) return true;
  Call* call = t_call;
  if (!call) return false;
  if (call->interrupted_.load(std::memory_order_relaxed)) return true;
  if (!t_polls || !call->poll_now()) return false;
  call->interrupted_.store(true, std::memory_order_relaxed);
  return true;
}

void stop_calls() {
  g_stopped = true;
  while (g_running > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

}  // namespace hashlens
