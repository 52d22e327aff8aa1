// Which decoded values the isolate still holds: 4-way sets of {slot, location, generation}, private to one isolate.
//
// A tag equals a hit's place exactly when the isolate decoded that very record, since a location is never used
// again within a generation. The values themselves live in a JavaScript array under the same index.
#pragma once

#include <bit>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "table/table.h"

namespace strata {

class L0Index {
 public:
  // `max_items` is rounded up to a power of two; 0 turns the index off.
  explicit L0Index(uint32_t max_items)
      : sets_(max_items == 0 ? 0 : std::bit_ceil((max_items + 3) / 4)), tags_(Zeroed<Tag>(sets_ * 4)), hot_(Zeroed<uint8_t>(sets_ * 4)) {}

  uint32_t capacity() const { return sets_ * 4; }

  // The set is chosen by the key's hash, so its line can be on its way while the table is searched.
  void Prefetch(uint64_t hash) const {
    if (sets_ != 0) __builtin_prefetch(&tags_[SetOf(hash)]);
  }

  // Index of the decoded value, or -1.
  int Find(uint64_t hash, const Hit& hit) {
    if (sets_ == 0) return -1;
    uint32_t base = SetOf(hash);
    for (uint32_t i = base; i < base + 4; i++) {
      const Tag& tag = tags_[i];
      if (tag.location == hit.place.location && tag.generation == hit.generation && tag.slot == hit.slot_id + 1) {
        hot_[i] = 1;
        return static_cast<int>(i);
      }
    }
    return -1;
  }

  // Takes a place for the value of `hit`; whatever was there is forgotten. -1 if the index is off.
  int Take(uint64_t hash, const Hit& hit) {
    if (sets_ == 0) return -1;
    uint32_t base = SetOf(hash);
    uint32_t chosen = base + (turn_++ & 3);
    for (uint32_t i = base; i < base + 4; i++) {
      if (tags_[i].slot == hit.slot_id + 1 || tags_[i].slot == 0) {  // its own former record, or never used
        chosen = i;
        break;
      }
      if (hot_[i] == 0) chosen = i;
    }
    for (uint32_t i = base; i < base + 4; i++) hot_[i] = 0;
    tags_[chosen] = {hit.slot_id + 1, hit.place.location, hit.generation};
    return static_cast<int>(chosen);
  }

 private:
  struct Tag {
    uint32_t slot = 0;  // slot id + 1, 0 = never used
    uint32_t location = 0;
    uint32_t generation = 0;
    uint32_t unused = 0;
  };
  struct Freer {
    void operator()(void* memory) const { std::free(memory); }
  };
  // Pages of a place never used cost nothing.
  template <class T>
  static T* Zeroed(size_t count) {
    return static_cast<T*>(std::calloc(count + 1, sizeof(T)));
  }
  // Other bits than those that choose the bucket or the tag.
  uint32_t SetOf(uint64_t hash) const { return (static_cast<uint32_t>(hash >> 16) & (sets_ - 1)) * 4; }

  uint32_t sets_;
  std::unique_ptr<Tag[], Freer> tags_;
  std::unique_ptr<uint8_t[], Freer> hot_;
  uint32_t turn_ = 0;
};

}  // namespace strata
