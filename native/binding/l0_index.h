// Which decoded values the isolate holds: 4-way sets, private to one isolate.
//
// An entry remembers the record a value was decoded from: its key, lives and epoch, and where it lay as {slot,
// location, generation}. While the slot still holds that location and the segment that generation, it is the same
// record, since a location is never used again within a generation; so a hit needs neither a search of the bucket
// nor the record itself. The values lie in a JavaScript array under the same index.
#pragma once

#include <bit>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "table/read.h"

namespace strata {

class L0Index {
 public:
  // `max_items` is rounded up to a power of two; 0 turns the index off.
  explicit L0Index(uint32_t max_items)
      : sets_(max_items == 0 ? 0 : std::bit_ceil((max_items + 3) / 4)),
        tags_(Zeroed<uint32_t>(sets_ * 4)),
        entries_(Zeroed<Entry>(sets_ * 4)) {}

  uint32_t capacity() const { return sets_ * 4; }

  // The set is chosen by the key's hash, so its lines can be on their way while something else is done.
  void Prefetch(uint64_t hash) const {
    if (sets_ != 0) __builtin_prefetch(&tags_[SetOf(hash)]);
  }

  // Index of the fresh value of `key`, proved current against shared memory, or -1. Counts as a use of the entry.
  int Probe(Table& table, ThreadContext& t, const Key& key) {
    if (sets_ == 0) return -1;
    const uint32_t base = SetOf(key.hash), tag = TagOf(key.hash);
    for (uint32_t i = base; i < base + 4; i++) {
      if ((tags_[i] & ~kHot) != tag) continue;
      const Entry& entry = entries_[i];
      if (entry.key_size != key.size || entry.ns != key.ns || std::memcmp(entry.key, key.bytes, key.size) != 0) continue;
      if (!table.Revalidate(entry.slot, entry.location, entry.generation)) return -1;
      if (entry.epoch != table.EpochOf(key.ns)) return -1;
      if (entry.soft_ms != kNever && table.NowMs(t) >= entry.soft_ms) return -1;
      tags_[i] |= kHot;
      return static_cast<int>(i);
    }
    return -1;
  }

  // Index of the value decoded from exactly the record of `hit`, or -1.
  int Find(uint64_t hash, const Hit& hit) {
    if (sets_ == 0) return -1;
    const uint32_t base = SetOf(hash);
    for (uint32_t i = base; i < base + 4; i++) {
      const Entry& entry = entries_[i];
      if (tags_[i] == 0 || entry.slot != hit.slot_id || entry.location != hit.place.location ||
          entry.generation != hit.generation) {
        continue;
      }
      tags_[i] |= kHot;
      return static_cast<int>(i);
    }
    return -1;
  }

  // Takes a place for the value of `hit`; whatever was there is forgotten. -1 if the index is off.
  int Take(const Key& key, const Hit& hit) {
    if (sets_ == 0) return -1;
    const uint32_t base = SetOf(key.hash);
    uint32_t chosen = base + (turn_++ & 3);
    for (uint32_t i = base; i < base + 4; i++) {
      if (tags_[i] == 0 || entries_[i].slot == hit.slot_id) {  // never used, or its own former record
        chosen = i;
        break;
      }
      if ((tags_[i] & kHot) == 0) chosen = i;
    }
    for (uint32_t i = base; i < base + 4; i++) tags_[i] &= ~kHot;
    Entry& entry = entries_[chosen];
    tags_[chosen] = TagOf(key.hash);
    entry.slot = hit.slot_id;
    entry.location = hit.place.location;
    entry.generation = hit.generation;
    entry.epoch = hit.header.epoch;
    entry.soft_ms = hit.header.soft_ms;
    entry.ns = static_cast<uint16_t>(key.ns);
    entry.key_size = kTooLong;
    if (key.size <= sizeof(entry.key)) {
      entry.key_size = static_cast<uint16_t>(key.size);
      std::memcpy(entry.key, key.bytes, key.size);
    }
    return static_cast<int>(chosen);
  }

 private:
  // A key that does not fit is found by its record only.
  static constexpr uint16_t kTooLong = 0xffff;
  static constexpr uint32_t kHot = 1;  // used since the set last gave up a place

  struct Entry {  // two lines; short keys need the first only
    uint64_t soft_ms;
    uint32_t slot, location, generation, epoch;
    uint16_t ns, key_size;
    uint8_t key[100];
  };
  static_assert(sizeof(Entry) == 128);

  struct Freer {
    void operator()(void* memory) const { std::free(memory); }
  };
  // Pages of places never used cost nothing.
  template <class T>
  static T* Zeroed(size_t count) {
    void* memory = std::calloc(count + 1, sizeof(T));
    if (memory == nullptr) std::abort();
    return static_cast<T*>(memory);
  }
  // Other bits than those that choose the bucket.
  uint32_t SetOf(uint64_t hash) const { return (static_cast<uint32_t>(hash >> 16) & (sets_ - 1)) * 4; }
  static uint32_t TagOf(uint64_t hash) { return ((static_cast<uint32_t>(hash) ^ static_cast<uint32_t>(hash >> 32)) | 2u) & ~kHot; }

  uint32_t sets_;
  std::unique_ptr<uint32_t[], Freer> tags_;
  std::unique_ptr<Entry[], Freer> entries_;
  uint32_t turn_ = 0;
};

}  // namespace strata
