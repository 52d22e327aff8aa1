// The read path: find a key, let the caller copy its bytes, prove that what was copied is one whole record.
//
// Wait-free: at most kReadAttempts passes over one bucket, then a miss. Writes nothing but a frequency count,
// and that only while the count is below its maximum.
#pragma once

#include "table/table.h"

namespace strata {

inline constexpr int kReadAttempts = 4;

template <class Consume>
Status Table::Read(ThreadContext& t, const Key& key, uint32_t flags, Consume consume) {
  const uint32_t bucket_index = HashRange(key.hash, g_.bucket_count);
  Bucket& bucket = buckets_[bucket_index];
  // The second line of the bucket comes while the first is searched.
  __builtin_prefetch(reinterpret_cast<const uint8_t*>(&bucket) + kLine);
  const uint16_t tag = HashTag(key.hash);
  for (int attempt = 0; attempt < kReadAttempts; attempt++) {
    bool restart = false;
    for (int i = 0; i < static_cast<int>(kSlotsPerBucket); i++) {
      SlotWord word{bucket.slots[i].load(kAcquire)};  // SYNC(slot-publish)
      if (word.tag() != tag) continue;
      Hit hit;
      if (!Locate(word.location(), &hit.place)) continue;
      // The generation first, then the slot again: while a slot holds a location, the record there is valid in
      // the current generation. Without the second load a paused reader could accept reused bytes.
      PrefetchLines(hit.place.header);
      hit.generation = generations_[hit.place.segment].load(kAcquire);  // SYNC(reclaim-gen)
      SlotWord second{bucket.slots[i].load(kAcquire)};                  // SYNC(slot-publish)
      if (second.location() != word.location()) {
        restart = true;
        break;
      }
      hit.header = LoadHeader(hit.place.header);
      hit.slot_id = bucket_index * kSlotsPerBucket + static_cast<uint32_t>(i);
      bool matches = hit.header.type == RecordType::kValue && KeyMatches(hit.place, hit.header, key);
      Status status = Status::kMiss;
      if (matches) {
        const bool has_life = (hit.header.hard_ms | hit.header.soft_ms) != 0;
        const uint64_t now = has_life ? NowMs(t) : 0;
        hit.now = now;
        hit.is_stale = hit.header.soft_ms != kNever && now >= hit.header.soft_ms;
        if (!HasLife(hit.header, EpochOf(key.ns), now)) {  // the epoch after the slot: see docs/concurrency.md
          status = Status::kMiss;
        } else if (hit.header.tag_bytes != 0 && !HasTags(&hit)) [[unlikely]] {
          status = Status::kMiss;  // the tags after the slot, as the epoch
        } else if (hit.header.fleet_bytes != 0 && LoadDoubt(&hit) && (flags & kReadDoubtToo) == 0) [[unlikely]] {
          status = Status::kDoubtful;
        } else if (hit.is_stale && (flags & kReadStaleToo) == 0) {
          status = Status::kStale;
        } else if (!hit.header.is_run && CheckedRecordBytes(hit.header, hit.place.room) == 0) {
          status = Status::kMiss;  // only corruption leads here
        } else if (consume(static_cast<const Hit&>(hit))) {
          status = Status::kOk;
        } else {
          restart = true;
          break;
        }
      }
      // SYNC(reclaim-gen): acquire fence. Everything read above came before this second look at the generation.
      Fence(kAcquire);
      if (generations_[hit.place.segment].load(kRelaxed) != hit.generation) {
        restart = true;
        break;
      }
      if (!matches) continue;
      if ((flags & kReadQuiet) == 0) {
        if (status == Status::kOk) FeedFrequency(bucket, i);
        t.Count(status == Status::kOk         ? Counter::hits
                : status == Status::kStale    ? Counter::stale_hits
                : status == Status::kDoubtful ? Counter::doubtful
                                              : Counter::misses);
      }
      return status;
    }
    if (!restart) {
      if ((flags & kReadQuiet) == 0) t.Count(Counter::misses);
      return Status::kMiss;
    }
    t.Count(Counter::read_retries);
  }
  t.Count(Counter::read_exhausted);
  if ((flags & kReadQuiet) == 0) t.Count(Counter::misses);
  return Status::kMiss;
}

// Takes the fleet block into the hit. The doubt is loaded after the slot: who stamped the record had seen the doubt he
// stamped it with, so this look sees it too.
inline bool Table::LoadDoubt(Hit* hit) const {
  hit->is_doubtful = !LoadFleet(hit->place, hit->header, &hit->fleet) || hit->fleet.doubt != Doubt();
  return hit->is_doubtful;
}

inline bool Table::Revalidate(uint32_t slot_id, uint32_t location, uint32_t generation) {
  if (!IsCurrent(slot_id, location, generation)) return false;
  FeedFrequency(buckets_[slot_id / kSlotsPerBucket], static_cast<int>(slot_id % kSlotsPerBucket));
  return true;
}

inline bool Table::IsCurrent(uint32_t slot_id, uint32_t location, uint32_t generation) const {
  const Bucket& bucket = buckets_[slot_id / kSlotsPerBucket];
  SlotWord word{bucket.slots[slot_id % kSlotsPerBucket].load(kAcquire)};  // SYNC(slot-publish)
  RecordPlace place;
  return word.location() == location && Locate(location, &place) &&
         generations_[place.segment].load(kAcquire) == generation;  // SYNC(reclaim-gen)
}

}  // namespace strata
