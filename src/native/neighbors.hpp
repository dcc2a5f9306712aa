// The neighbors of one query found so far, kept as keys that sort by (distance, id).
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "hamming.hpp"

namespace hashlens {

// Distance in the upper 10 bits, id in the lower 54: a single integer orders by (distance, id).
using Key = std::uint64_t;
constexpr int kIdBits = 54;
constexpr std::uint64_t kMaxId = (std::uint64_t{1} << kIdBits) - 1;

inline Key make_key(int distance, std::uint64_t id) {
  return (static_cast<Key>(distance) << kIdBits) | id;
}
inline int key_distance(Key key) { return static_cast<int>(key >> kIdBits); }
inline std::int64_t key_id(Key key) { return static_cast<std::int64_t>(key & kMaxId); }

// Sorts keys and drops all but the k smallest.
inline void keep_smallest(std::vector<Key>& keys, std::size_t k) {
  if (keys.size() > k) {
    const auto end = keys.begin() + static_cast<std::ptrdiff_t>(k);
    std::nth_element(keys.begin(), end, keys.end());
    keys.erase(end, keys.end());
  }
  std::sort(keys.begin(), keys.end());
}

// Keeps the k nearest of all codes within `radius`, or all of them where k is kNoLimit.
class Neighbors {
 public:
  static constexpr std::size_t kNoLimit = ~std::size_t{0};
  static constexpr std::size_t kMaxK = 0x7fffffff;  // so that sizes made of k do not overflow

  // `ordered` promises that ids are pushed in ascending order, so that a later code never wins a
  // tie; without it every code at the k-th distance has to be compared by its id.
  Neighbors(std::size_t k, int radius, bool ordered)
      : k_(k),
        kth_(radius + 1),
        last_(radius),
        ordered_(ordered),
        at_(static_cast<std::size_t>(radius) + 2, 0) {
    if (k_ == 0) kth_ = 0;
    keys_.reserve(std::min(k_, kReserved));
  }

  // Codes at this distance or farther can't be among the neighbors.
  int bound() const {
    if (k_ == 0) return 0;
    return ordered_ ? kth_ : std::min(kth_, last_) + 1;
  }

  // Whether k neighbors are known; then none beyond kth_distance() is wanted.
  bool full() const { return kth_ <= last_; }
  int kth_distance() const { return kth_; }

  // Takes a code whose distance is below bound().
  void push(int distance, std::uint64_t id) {
    const Key key = make_key(distance, id);
    if (key > worst_) return;
    keys_.push_back(key);
    if (k_ == kNoLimit) return;
    ++at_[static_cast<std::size_t>(distance)];
    if (distance < kth_) ++nearer_;
    while (nearer_ >= k_) nearer_ -= at_[static_cast<std::size_t>(--kth_)];
    if (keys_.size() >= 2 * k_ + kSlack) shrink();
  }

  // Appends the neighbors, in no order.
  void append_to(std::vector<Key>& keys) {
    if (keys_.size() > k_) shrink();
    keys.insert(keys.end(), keys_.begin(), keys_.end());
  }

 private:
  // Drops all but the k smallest keys. Keys nearer than kth_ are fewer than k, so none is lost
  // that at_ still counts below kth_.
  void shrink() {
    const auto end = keys_.begin() + static_cast<std::ptrdiff_t>(k_);
    std::nth_element(keys_.begin(), end - 1, keys_.end());
    keys_.erase(end, keys_.end());
    worst_ = keys_.back();
  }

  static constexpr std::size_t kSlack = 256;
  static constexpr std::size_t kReserved = 128;

  std::size_t k_;
  int kth_;   // the distance of the k-th nearest so far; radius + 1 while there are fewer than k
  int last_;  // the largest distance that is wanted at all
  bool ordered_;
  std::size_t nearer_ = 0;         // how many keys are nearer than kth_
  Key worst_ = ~Key{0};            // the largest key that can still be among the k smallest
  std::vector<std::uint32_t> at_;  // how many keys were taken at each distance
  std::vector<Key> keys_;
};

}  // namespace hashlens
