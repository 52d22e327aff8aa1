// Which decoded values the isolate holds: 16-way sets, private to one isolate.
//
// A place remembers the record a value was decoded from: its key, lives and epoch, and where it lay as {slot,
// location, generation}. While the slot still holds that location and the segment that generation, it is the same
// record, since a location is never used again within a generation; so a hit needs neither a search of the bucket
// nor the record itself. The values lie in a JavaScript array under the same index.
//
// The tags lie in an array JavaScript sees too. A place just taken is pending and no read finds it until JavaScript
// has stored its value and says so there; what it did not come to store (an exception) is forgotten by Settle().
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "binding/mailbox.h"
#include "shm/pages.h"
#include "table/read.h"

namespace strata {

struct L0Bounds {
  uint32_t max_items = 0;  // 0 turns the index off
  uint64_t max_bytes = 0;  // of the values as they lie in the region
  // Of values that are cheap to make anew. Below max_bytes, they are also kept at their second reading only.
  uint64_t max_cheap_bytes = 0;
};

class L0Index {
 public:
  static constexpr uint32_t kWays = 16;  // a set's tags fill one line

  explicit L0Index(const L0Bounds& bounds)
      : sets_((bounds.max_items + kWays - 1) / kWays),
        bounds_(bounds),
        entries_memory_(Zeroed((size_t{capacity()} + 1) * sizeof(Entry))),
        charges_memory_(Zeroed(size_t{capacity()} * sizeof(uint32_t))),
        seen_memory_(Zeroed(sets_ == 0 ? 0 : kSeen * sizeof(uint16_t))),
        entries_(reinterpret_cast<Entry*>(AlignUp(entries_memory_.get(), sizeof(Entry)))),
        charges_(static_cast<uint32_t*>(charges_memory_.get())),
        seen_(static_cast<uint16_t*>(seen_memory_.get())) {}

  uint32_t capacity() const { return sets_ * kWays; }
  // `tags` has capacity() words, zeroed; `evicted` receives places whose values JavaScript must drop (see mailbox.h).
  void Attach(uint32_t* tags, int32_t* evicted) {
    tags_ = tags;
    evicted_ = evicted;
  }

  // The set is chosen by the key's hash, so its lines can be on their way while something else is done.
  void Prefetch(uint64_t hash) const {
    if (sets_ != 0) __builtin_prefetch(&tags_[SetOf(hash)]);
  }

  // Index of the fresh value of `key`, proved current against shared memory, or -1. Counts as a use of the place.
  // `soft_left`, if given, becomes the milliseconds of freshness left, or -1 where it never ends.
  int Probe(Table& table, ThreadContext& t, const Key& key, double* soft_left) {
    if (used_ == 0) return -1;
    const uint32_t base = SetOf(key.hash), tag = TagOf(key.hash);
    for (uint32_t i = base; i < base + kWays; i++) {
      if ((tags_[i] & ~kHot) != tag) continue;
      Entry& entry = entries_[i];
      if (entry.key_size != key.size || entry.ns != key.ns || std::memcmp(entry.key, key.bytes, key.size) != 0) continue;
      if (!table.Revalidate(entry.slot, entry.location, entry.generation)) return -1;
      if (entry.epoch != table.EpochOf(key.ns)) return -1;
      if (entry.doubt != kNoDoubt && entry.doubt != table.Doubt()) return -1;
      if (entry.has_tags && !TagsHold(table, entry)) [[unlikely]] return -1;
      double left = -1;
      if (entry.soft_ms != kNever) {
        const uint64_t now = table.NowMs(t);
        if (now >= entry.soft_ms) return -1;
        left = static_cast<double>(entry.soft_ms - now);
      }
      if (soft_left != nullptr) *soft_left = left;
      tags_[i] = tag | kHot;
      return static_cast<int>(i);
    }
    return -1;
  }

  // Index of the value decoded from exactly the record of `hit`, or -1.
  int Find(uint64_t hash, const Hit& hit) {
    if (sets_ == 0) return -1;
    const uint32_t base = SetOf(hash), tag = TagOf(hash);
    for (uint32_t i = base; i < base + kWays; i++) {
      const Entry& entry = entries_[i];
      if ((tags_[i] & ~kHot) != tag || entry.slot != hit.slot_id || entry.location != hit.place.location ||
          entry.generation != hit.generation) {
        continue;
      }
      tags_[i] = tag | kHot;
      return static_cast<int>(i);
    }
    return -1;
  }

  // A place for the value of `hit`, which counts as `bytes`, pending until JavaScript has stored it; -1 if it is doubtful
  // or not worth one.
  int Take(const Key& key, const Hit& hit, uint32_t bytes, bool is_cheap) {
    if (sets_ == 0 || (hit.header.fleet_bytes != 0 && hit.is_doubtful)) return -1;
    if (bytes > (is_cheap ? bounds_.max_cheap_bytes : bounds_.max_bytes) / 4) return -1;
    int chosen = Own(key.hash);
    if (chosen >= 0 && (tags_[chosen] & kL0Pending) != 0) return -1;  // the same key twice in one getMany
    if (chosen < 0) {
      chosen = Empty(key.hash);
      if (!IsWorthy(key.hash, bytes, is_cheap, chosen >= 0)) return -1;
      if (chosen < 0) chosen = Coldest(key.hash);
      if (chosen < 0) return -1;
    }
    const bool was_used = tags_[chosen] != 0;
    Release(static_cast<uint32_t>(chosen));
    if (pending_count_ == mailbox::kManyKeys || !MakeRoom(bytes, is_cheap)) {
      if (was_used) Report(static_cast<uint32_t>(chosen));
      return -1;
    }
    if (uint64_t{++takes_} * kMappedPerTake >= mapped_ + kMapStep) MapSome();
    used_ += bytes;
    if (is_cheap) cheap_used_ += bytes;
    charges_[chosen] = bytes << 1 | (is_cheap ? 1 : 0);
    pending_[pending_count_++] = static_cast<uint32_t>(chosen);
    tags_[chosen] = TagOf(key.hash) | kL0Pending;
    Entry& entry = entries_[chosen];
    entry.slot = hit.slot_id;
    entry.location = hit.place.location;
    entry.generation = hit.generation;
    entry.epoch = hit.header.epoch;
    entry.soft_ms = hit.header.soft_ms;
    entry.doubt = hit.header.fleet_bytes != 0 ? hit.fleet.doubt : kNoDoubt;
    entry.ns = static_cast<uint16_t>(key.ns);
    entry.has_tags = hit.header.tag_bytes != 0;
    entry.tag_clock = 0;
    entry.key_size = kTooLong;
    if (key.size <= sizeof(entry.key)) {
      entry.key_size = static_cast<uint8_t>(key.size);
      std::memcpy(entry.key, key.bytes, key.size);
    }
    return chosen;
  }

  // Before the first Take of a call: whatever JavaScript did not store by now will not be stored.
  void Settle() {
    for (; pending_count_ != 0; pending_count_--) {
      const uint32_t place = pending_[pending_count_ - 1];
      if ((tags_[place] & kL0Pending) != 0) Evict(place);
    }
  }

  // True if JavaScript has places to empty.
  bool has_evicted() const { return sets_ != 0 && evicted_[0] != 0; }

 private:
  // A key that does not fit is found by its record only. No key has this size.
  static constexpr uint8_t kTooLong = 0;
  // Of a record without a fleet block; no region's doubt is ever 0.
  static constexpr uint32_t kNoDoubt = 0;
  static constexpr uint32_t kHot = 1;      // used since the hand or a set's eviction last passed
  static constexpr uint32_t kSeen = 16384;  // readings remembered, so that a second one is known
  // Entries lie anywhere, so most of the first values need a page that is not there yet, which takes as long as a read. Memory
  // is mapped ahead of them, at most so much for each, in steps of that size.
  static constexpr uint64_t kMappedPerTake = 8192, kMapStep = 1u << 20, kAllMapped = uint64_t{1} << 62;
  static constexpr uint32_t kMaxSteps = 4096;  // of the hand for one value: what is not found by then is left for later

  struct Entry {  // two lines; short keys need the first only
    uint64_t soft_ms;
    uint32_t slot, location, generation, epoch, doubt;
    uint16_t ns;
    uint8_t key_size;
    bool has_tags;
    uint8_t key[88];
    uint64_t tag_clock;  // of the table when the record's tags were looked at last
  };
  static_assert(sizeof(Entry) == 128 && offsetof(Entry, key) == 32);

  // No clear of any tag since the last look, or none of these. Out of the way of those who have none.
  [[gnu::noinline]] static bool TagsHold(const Table& table, Entry& entry) {
    const uint64_t clock = table.TagClock();
    if (clock == entry.tag_clock) return true;
    if (table.TagsAt(entry.location, entry.generation) != TagState::kCurrent) return false;
    entry.tag_clock = clock;
    return true;
  }

  struct Freer {
    void operator()(void* memory) const { std::free(memory); }
  };
  using Memory = std::unique_ptr<void, Freer>;
  // Pages of places never used cost nothing.
  static Memory Zeroed(size_t bytes) {
    void* memory = std::calloc(bytes + 1, 1);
    if (memory == nullptr) std::abort();
    return Memory(memory);
  }
  static void* AlignUp(void* memory, size_t to) {
    return reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(memory) + to - 1) / to * to);
  }

  [[gnu::noinline]] void MapSome() {
    const uint64_t all = uint64_t{capacity()} * sizeof(Entry);
    MapAhead(reinterpret_cast<uint8_t*>(entries_) + mapped_, std::min(kMapStep, all - mapped_));
    mapped_ += kMapStep;
    if (mapped_ >= all) mapped_ = kAllMapped;
  }

  // Other bits than those that choose the bucket.
  uint32_t SetOf(uint64_t hash) const {
    return static_cast<uint32_t>((uint64_t{static_cast<uint32_t>(hash >> 8)} * sets_) >> 32) * kWays;
  }
  static uint32_t TagOf(uint64_t hash) {
    return ((static_cast<uint32_t>(hash) ^ static_cast<uint32_t>(hash >> 32)) | 4u) & ~(kHot | kL0Pending);
  }

  int Own(uint64_t hash) const {
    const uint32_t base = SetOf(hash), tag = TagOf(hash);
    for (uint32_t i = base; i < base + kWays; i++) {
      if ((tags_[i] & ~(kHot | kL0Pending)) == tag) return static_cast<int>(i);
    }
    return -1;
  }

  int Empty(uint64_t hash) const {
    const uint32_t base = SetOf(hash);
    for (uint32_t i = base; i < base + kWays; i++) {
      if (tags_[i] == 0) return static_cast<int>(i);
    }
    return -1;
  }

  // A place of a full set that may go; -1 if all are pending.
  int Coldest(uint64_t hash) {
    const uint32_t base = SetOf(hash), start = turn_++;
    int chosen = -1;
    for (uint32_t n = 0; n < kWays; n++) {
      const uint32_t i = base + (start + n) % kWays;
      if ((tags_[i] & kL0Pending) != 0) continue;
      if ((tags_[i] & kHot) == 0) return static_cast<int>(i);
      if (chosen < 0) chosen = static_cast<int>(i);
    }
    for (uint32_t i = base; i < base + kWays; i++) tags_[i] &= ~kHot;
    return chosen;
  }

  // What fills free room is kept at its first reading, what displaces something or is cheap at its second.
  bool IsWorthy(uint64_t hash, uint32_t bytes, bool is_cheap, bool has_place) {
    const bool is_sparing = is_cheap && bounds_.max_cheap_bytes < bounds_.max_bytes;
    if (has_place && !is_sparing && used_ + bytes <= bounds_.max_bytes) return true;
    // In pairs, the newer first: two keys that meet here in turn would else never be known.
    uint16_t* seen = &seen_[(hash >> 20) % (kSeen / 2) * 2];
    const auto mark = static_cast<uint16_t>((hash ^ hash >> 48) | 1);
    if (seen[0] == mark || seen[1] == mark) return true;
    seen[1] = seen[0];
    seen[0] = mark;
    return false;
  }

  // CLOCK over all places. False if the bounds do not hold after all.
  bool MakeRoom(uint32_t bytes, bool is_cheap) {
    for (uint32_t step = 0;; step++) {
      const bool is_full = used_ + bytes > bounds_.max_bytes;
      if (!is_full && !(is_cheap && cheap_used_ + bytes > bounds_.max_cheap_bytes)) return true;
      if (step == kMaxSteps || evicted_[0] == mailbox::kMaxEvicted) return false;
      hand_ = hand_ + 1 == capacity() ? 0 : hand_ + 1;
      uint32_t& tag = tags_[hand_];
      if (tag == 0 || (tag & kL0Pending) != 0 || (!is_full && (charges_[hand_] & 1) == 0)) continue;
      if ((tag & kHot) != 0) tag &= ~kHot;
      else Evict(hand_);
    }
  }

  void Release(uint32_t place) {
    tags_[place] = 0;
    used_ -= charges_[place] >> 1;
    if ((charges_[place] & 1) != 0) cheap_used_ -= charges_[place] >> 1;
    charges_[place] = 0;
  }

  // Beyond the list's end a value merely stays in memory until its place is taken again.
  void Report(uint32_t place) {
    if (evicted_[0] < mailbox::kMaxEvicted) evicted_[++evicted_[0]] = static_cast<int32_t>(place);
  }

  void Evict(uint32_t place) {
    Release(place);
    Report(place);
  }

  uint32_t sets_;
  L0Bounds bounds_;
  Memory entries_memory_, charges_memory_, seen_memory_;
  Entry* entries_;
  uint32_t* charges_;  // bytes << 1 | is cheap
  uint16_t* seen_;
  uint32_t* tags_ = nullptr;
  int32_t* evicted_ = nullptr;
  uint64_t used_ = 0, cheap_used_ = 0;
  uint64_t mapped_ = 0;  // bytes of the entries
  uint32_t pending_[mailbox::kManyKeys];
  uint32_t pending_count_ = 0, hand_ = 0, turn_ = 0, takes_ = 0;
};

}  // namespace strata
