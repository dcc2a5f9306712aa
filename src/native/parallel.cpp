#include "parallel.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#if !defined(_WIN32)
#include <pthread.h>
#endif

#include "interrupt.hpp"
#include "target.hpp"

namespace hashlens {
namespace {

// How long an idle worker polls for the next job before it sleeps. Waking a sleeping thread takes
// longer than many a search; polling for longer would take the CPU from others.
constexpr std::chrono::microseconds kPolling{200};

struct Job {
  const std::function<void(std::size_t, int)>& body;
  Call* const call = current_call();
  std::size_t tasks;
  int threads;
  std::atomic<std::size_t> next{0};
  int joined = 0;  // workers inside the job; guarded by the pool's mutex
  std::exception_ptr error;
  std::mutex error_mutex;

  Job(std::size_t task_count, int thread_count, const std::function<void(std::size_t, int)>& run)
      : body(run), tasks(task_count), threads(thread_count) {}

  void work(int worker) {
    try {
      for (std::size_t task; (task = next.fetch_add(1)) < tasks;) {
        check_interrupt();
        body(task, worker);
      }
    } catch (...) {
      next.store(tasks);
      const std::lock_guard<std::mutex> lock(error_mutex);
      if (!error) error = std::current_exception();
    }
  }
};

void relax() {
#if HASHLENS_X86
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

class Pool {
 public:
  // Returns false, having done nothing, where the pool is at work for another caller.
  bool run(Job& job) {
    // Not a mutex: a call that a signal handler makes asks for it on the thread that has it.
    if (owned_.exchange(true, std::memory_order_acquire)) return false;
    const Owner owner{owned_};
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      start_workers(job.threads - 1);
      job_ = &job;
      epoch_.fetch_add(1, std::memory_order_release);
    }
    wake_.notify_all();
    job.work(0);
    close(job);
    return true;
  }

 private:
  struct Owner {
    std::atomic<bool>& owned;
    ~Owner() { owned.store(false, std::memory_order_release); }
  };

  // Where the system grants no further thread, the job does with those that there are.
  void start_workers(int count) {
    try {
      for (; workers_ < count; ++workers_) {
        std::thread([this, worker = workers_ + 1] { serve(worker); }).detach();
      }
    } catch (const std::system_error&) {
    }
  }

  // A worker that has not yet woken no longer joins, so a job never waits for a sleeper.
  void close(Job& job) {
    std::unique_lock<std::mutex> lock(mutex_);
    job_ = nullptr;
    while (job.joined > 0) {
      lock.unlock();
      relax();
      is_interrupted();  // tells the workers
      lock.lock();
    }
  }

  void serve(int worker) {
    for (std::uint64_t seen = 0;;) {
      seen = await(seen);
      Job* job = nullptr;
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (job_ && worker < job_->threads) {
          job = job_;
          ++job->joined;
        }
      }
      if (!job) continue;
      {
        const Helper helper(job->call);
        job->work(worker);
      }
      const std::lock_guard<std::mutex> lock(mutex_);
      --job->joined;
    }
  }

  std::uint64_t await(std::uint64_t seen) {
    const auto deadline = std::chrono::steady_clock::now() + kPolling;
    do {
      for (int i = 0; i < 64; ++i) {
        const std::uint64_t epoch = epoch_.load(std::memory_order_acquire);
        if (epoch != seen) return epoch;
        relax();
      }
    } while (std::chrono::steady_clock::now() < deadline);
    std::unique_lock<std::mutex> lock(mutex_);
    wake_.wait(lock, [&] { return epoch_.load(std::memory_order_relaxed) != seen; });
    return epoch_.load(std::memory_order_relaxed);
  }

  std::atomic<bool> owned_{false};  // by the caller whose job is running
  std::mutex mutex_;                // guards job_, its `joined`, and the sleep of workers
  std::condition_variable wake_;
  std::atomic<std::uint64_t> epoch_{0};
  Job* job_ = nullptr;
  int workers_ = 0;
};

// Never destroyed: detached workers may poll it until the process ends. A forked child has none of
// its parent's threads, so it starts with a pool of its own.
std::atomic<Pool*> g_pool{nullptr};

Pool& pool() {
  static std::once_flag once;
  std::call_once(once, [] {
    g_pool = new Pool;
#if !defined(_WIN32)
    pthread_atfork(nullptr, nullptr, [] { g_pool = new Pool; });
#endif
  });
  return *g_pool;
}

}  // namespace

void parallel_for(std::size_t tasks, int threads,
                  const std::function<void(std::size_t task, int worker)>& body) {
  if (threads > static_cast<int>(tasks)) threads = static_cast<int>(tasks);
  Job job(tasks, threads, body);
  if (threads <= 1 || !pool().run(job)) job.work(0);
  if (job.error) std::rethrow_exception(job.error);
}

}  // namespace hashlens
