// Walks the index for exports and for people. Reads only: counts nothing, feeds no frequency, helps nobody.
#include <algorithm>

#include "table/read.h"

namespace strata {

void Table::Walk(ThreadContext& t, uint32_t from, uint32_t count, const std::function<void(const Scanned&)>& visit) const {
  const uint32_t end = from < g_.bucket_count ? from + std::min(count, g_.bucket_count - from) : from;
  const uint64_t now = NowMs(t);
  uint8_t key[kMaxKeyBytes];
  for (uint32_t b = from; b < end; b++) {
    const Bucket& bucket = buckets_[b];
    for (int i = 0; i < static_cast<int>(kSlotsPerBucket); i++) {
      SlotWord word{bucket.slots[i].load(kAcquire)};  // SYNC(slot-publish)
      RecordPlace place;
      if (!Locate(word.location(), &place)) continue;
      // As in Read: the generation, the slot again, the bytes, the generation again. A record that moves meanwhile is
      // left out, or met a second time where it went.
      const uint32_t generation = generations_[place.segment].load(kAcquire);  // SYNC(reclaim-gen)
      if (SlotWord{bucket.slots[i].load(kAcquire)}.location() != word.location()) continue;  // SYNC(slot-publish)
      const HeaderCopy header = LoadHeader(place.header);
      if (header.type != RecordType::kValue || header.key_bytes == 0 || header.key_bytes > kMaxKeyBytes ||
          header.before_value() > place.room || header.ns >= kMaxNamespaces) {
        continue;
      }
      if (!HasLife(header, EpochOf(header.ns), now) || (header.soft_ms != kNever && now >= header.soft_ms) ||
          TagsOf(place, header) != TagState::kCurrent) {
        continue;
      }
      CopyShared(key, place.key(), header.key_bytes);
      const SegmentWord segment{segments_[place.segment].state.load(kRelaxed)};  // a hint
      // SYNC(reclaim-gen): acquire fence. Everything read above came before this second look at the generation.
      Fence(kAcquire);
      if (generations_[place.segment].load(kRelaxed) != generation) continue;
      const uint32_t heat = FrequencyOf(bucket, i) * 2 + (segment.queue() == Queue::kMain ? 1 : 0);
      visit({header.ns, key, header.key_bytes, header.value_bytes, heat});
    }
  }
}

}  // namespace strata
