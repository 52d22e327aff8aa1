#include "table/bucket.h"

namespace strata {

void Table::ScanBucket(Bucket& bucket, const Key* key, Scan* scan) const {
  scan->empty_slot = -1;
  scan->key.value_slot = scan->key.lease_slot = -1;
  uint16_t tag = key != nullptr ? HashTag(key->hash) : 0;
  for (int i = 0; i < static_cast<int>(kSlotsPerBucket); i++) {
    SlotWord word{bucket.slots[i].load(kAcquire)};  // SYNC(slot-publish)
    scan->words[i] = word;
    if (word.is_empty()) {
      if (scan->empty_slot < 0) scan->empty_slot = i;
      continue;
    }
    RecordPlace place;
    if (key == nullptr || word.tag() != tag || !Locate(word.location(), &place)) continue;
    HeaderCopy header = LoadHeader(place.header);
    if (!KeyMatches(place, header, *key)) continue;
    if (header.type == RecordType::kValue) {
      if (scan->key.value_slot >= 0) continue;  // only corruption leads here; the first is the one that reads find
      scan->key.value_slot = i;
      scan->key.value_place = place;
      scan->key.value = header;
    } else if (CheckedRecordBytes(header, place.room) >= kHeaderBytes + header.key_bytes + sizeof(LeaseBody)) {
      scan->key.lease_slot = i;
      scan->key.lease_place = place;
      scan->key.lease = header;
      CopyShared(&scan->key.lease_body, place.key() + header.key_bytes, sizeof(LeaseBody));
    }
  }
}

void Table::Help(ThreadContext&, Bucket& bucket, Intent intent) {
  Atomic<uint64_t>& slot = bucket.slots[intent.slot() % kSlotsPerBucket];
  uint64_t old_word = slot.load(kAcquire);  // SYNC(slot-publish)
  uint64_t version = 0;
  SlotWord next = SlotWord::Make(0, intent.sequence(), 0);
  if (intent.op() == IntentOp::kPut) {
    RecordPlace place;
    if (!Locate(intent.location(), &place)) {  // a fence, or corruption
      bucket.intent.compare_exchange_strong(intent.raw, intent.Idle().raw, kAcqRel, kRelaxed);
      return;
    }
    HeaderCopy header = LoadHeader(place.header);
    version = header.version;
    next = SlotWord::Make(intent.location(), intent.sequence(), HashTag(HashAt(place, header)));
  }
  // SYNC(intent): while the word is still this intent, what was read above is the committed record.
  Fence(kAcquire);
  if (bucket.intent.load(kAcquire) != intent.raw) return;
  uint64_t highest = bucket.max_version.load(kRelaxed);
  while (highest < version &&
         !bucket.max_version.compare_exchange_weak(highest, version, kAcqRel, kRelaxed)) {  // SYNC(max-version)
  }
  KILL_POINT(version_raised);
  // SYNC(slot-publish): release. Readers see the record from here on. Fails if another helper was first.
  slot.compare_exchange_strong(old_word, next.raw, kAcqRel, kRelaxed);
  KILL_POINT(slot_stored);
  // SYNC(intent): release. The next operation on the bucket starts from the applied state.
  bucket.intent.compare_exchange_strong(intent.raw, intent.Idle().raw, kAcqRel, kRelaxed);
  KILL_POINT(intent_cleared);
}

// The key's hash as the record's bytes say; whatever they are, it stays within the segment.
uint64_t Table::HashAt(const RecordPlace& place, const HeaderCopy& header) const {
  uint8_t key[kMaxKeyBytes];
  const uint32_t key_bytes = std::min({header.key_bytes, kMaxKeyBytes, place.room - kHeaderBytes});
  CopyShared(key, place.key(), key_bytes);
  return HashKey(seed_, header.ns, key, key_bytes);
}

void Table::FeedFrequency(Bucket& bucket, int slot) {
  // BENIGN: one attempt; a lost race means a count less, and the entry leaves a round earlier at worst.
  uint32_t word = bucket.frequency.load(kRelaxed);
  if (((word >> (2 * slot)) & 3) < kFrequencyMax) {
    bucket.frequency.compare_exchange_strong(word, word + (1u << (2 * slot)), kRelaxed, kRelaxed);
  }
}

void Table::SetFrequency(Bucket& bucket, int slot, uint32_t value) {
  // BENIGN: as FeedFrequency; a racing count of a neighbour slot only makes this retry.
  uint32_t word = bucket.frequency.load(kRelaxed);
  uint32_t next;
  do {
    next = (word & ~(3u << (2 * slot))) | (value << (2 * slot));
  } while (word != next && !bucket.frequency.compare_exchange_weak(word, next, kRelaxed, kRelaxed));
}

// The slot a full bucket gives up: unusable entries first, then negative ones and errors, then the least used, then small's, then the oldest.
// Live leases are given up last.
int Table::ChooseSlotVictim(const Bucket& bucket, const Scan& scan, uint64_t now) const {
  int best = scan.key.value_slot == 0 ? 1 : 0;
  uint64_t best_rank = ~uint64_t{0};
  for (int i = 0; i < static_cast<int>(kSlotsPerBucket); i++) {
    if (i == scan.key.value_slot) continue;
    RecordPlace place;
    uint64_t rank = 0;
    if (Locate(scan.words[i].location(), &place)) {
      HeaderCopy header = LoadHeader(place.header);
      bool usable = IsUsable(place, header, EpochOf(header.ns), now);
      const bool is_lean = header.is_negative || header.type == RecordType::kError;
      uint64_t heat = !usable ? 0 : is_lean ? 1 : header.type == RecordType::kLease ? 6 : 2 + FrequencyOf(bucket, i);
      const Segment& segment = segments_[place.segment];
      uint64_t in_main = SegmentWord{segment.state.load(kRelaxed)}.queue() == Queue::kMain ? 1 : 0;
      uint64_t age = segment.seal_sequence.load(kRelaxed) & ((uint64_t{1} << 56) - 1);
      rank = heat << 57 | in_main << 56 | age;
    }
    if (rank < best_rank) {
      best_rank = rank;
      best = i;
    }
  }
  return best;
}

Table::Decision Table::PlaceNew(const Bucket& bucket, const Scan& scan, uint64_t now) const {
  if (scan.empty_slot >= 0) return {Act::kPut, scan.empty_slot, 0};
  return {Act::kPut, ChooseSlotVictim(bucket, scan, now), 0};
}

}  // namespace strata
