// A pool of threads that outlives calls, so that a search of some microseconds can use them.
#pragma once

#include <cstddef>
#include <functional>

namespace hashlens {

// Runs body(task, worker) for every task of [0, tasks) on up to `threads` threads, this one among
// them; `worker` is below `threads`, and each worker gets its tasks in ascending order. Returns
// when all are done and rethrows the first exception, which is Interrupted if the call has to end.
// Where another call has the pool, the tasks run on this thread alone.
void parallel_for(std::size_t tasks, int threads,
                  const std::function<void(std::size_t task, int worker)>& body);

}  // namespace hashlens
