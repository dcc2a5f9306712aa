// Vectors of plain numbers for arrays of many megabytes.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace hashlens {

// Asks for huge pages, because a search jumps between buckets all over the tables and would
// otherwise wait for the address of nearly every page; and leaves new elements uninitialized.
template <class T>
struct LargeAllocator {
  using value_type = T;

  LargeAllocator() = default;
  template <class U>
  LargeAllocator(const LargeAllocator<U>&) {}  // NOLINT: allocators convert

  T* allocate(std::size_t count) {
    const std::size_t bytes = count * sizeof(T);
#if defined(__linux__)
    if (bytes >= 2 * kHugePage) {
      void* memory = nullptr;
      if (posix_memalign(&memory, kHugePage, bytes)) throw std::bad_alloc();
      madvise(memory, bytes, MADV_HUGEPAGE);  // a wish: where it fails, small pages do
      return static_cast<T*>(memory);
    }
#endif
    void* memory = std::malloc(bytes ? bytes : 1);
    if (!memory) throw std::bad_alloc();
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, std::size_t) { std::free(memory); }

  template <class U>
  void construct(U* at) {
    ::new (static_cast<void*>(at)) U;
  }
  template <class U, class... Args>
  void construct(U* at, Args&&... args) {
    ::new (static_cast<void*>(at)) U(std::forward<Args>(args)...);
  }

  friend bool operator==(const LargeAllocator&, const LargeAllocator&) { return true; }
  friend bool operator!=(const LargeAllocator&, const LargeAllocator&) { return false; }

 private:
  static constexpr std::size_t kHugePage = std::size_t{1} << 21;
};

template <class T>
using LargeArray = std::vector<T, LargeAllocator<T>>;

}  // namespace hashlens
