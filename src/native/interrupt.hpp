// Ends long calls early: when the user interrupts them, and when the process is about to end.
#pragma once

#include <atomic>
#include <chrono>
#include <exception>

namespace hashlens {

// Thrown by check_interrupt().
struct Interrupted : std::exception {
  const char* what() const noexcept override { return "the call was interrupted"; }
};

// A call from outside, made by the thread that constructs it. While it exists, stop_calls() waits.
// Throws Interrupted after stop_calls().
class Call {
 public:
  // `poll` returns whether the call has to end. It is asked a few times per second, by this thread.
  explicit Call(bool (*poll)() = nullptr);
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

 private:
  friend bool is_interrupted();

  bool poll_now();

  bool (*poll_)();
  std::atomic<bool> interrupted_{false};
  unsigned checks_ = 0;
  std::chrono::steady_clock::time_point next_poll_;
  Call* outer_;  // the call of this thread within which this one is made
  bool outer_polls_;
};

// While it exists, this thread works for a call of another thread.
class Helper {
 public:
  explicit Helper(Call* call);
  ~Helper();
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;
};

// Returns the call that this thread works for, or null.
Call* current_call();

// Returns whether the call that this thread works for has to end.
bool is_interrupted();

// Throws Interrupted if the call that this thread works for has to end. It takes a few nanoseconds,
// so loops ask about every ten microseconds.
inline void check_interrupt() {
  if (is_interrupted()) throw Interrupted();
}

// Refuses new calls, makes those that are running end soon, and returns once they have.
void stop_calls();

}  // namespace hashlens
