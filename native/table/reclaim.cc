// Reclaim: S3-FIFO over segments. Queues are only the order of sealing, so there is nothing to repair in them.
//
// A reclaimer claims a sealed segment, walks its records, copies the worthy to its own segments and removes the
// rest from the index, then bumps the generation and frees the segment. Every step bears repetition, so a segment
// whose reclaimer died is simply walked again.
// Which records main takes is learned (admission.cc).
// Source: Yang et al., FIFO queues are all you need for cache eviction, SOSP 2023; segments after Yang et al.,
// Segcache, NSDI 2021.
#include "table/bucket.h"

namespace strata {
namespace {

constexpr uint32_t kCompactBelowPercent = 80;
constexpr uint32_t kSmallPercent = 10;
constexpr uint32_t kWalkAhead = 16;
// An allocation whose reclaims free nothing, because everything is kept, gives up the last of each segment.
constexpr uint32_t kPatience = 12;
constexpr uint32_t kImpatientCopyPercent = 90;
// In fewer segments, the open one of what compaction keeps would be a large part, and nothing in it is evicted.
constexpr uint32_t kSegmentsToKeepApart = 128;

}  // namespace

bool Table::ChooseVictim(ThreadContext& t, Victim* victim) {
  struct Oldest {
    uint32_t segment = kNoSegment;
    uint64_t sequence = ~uint64_t{0};
    SegmentWord word{0};
    void Offer(uint32_t s, uint64_t q, SegmentWord w) {
      if (q < sequence) *this = {s, q, w};
    }
  };
  Oldest small, main, lease;
  uint64_t small_bytes = 0;
  int32_t least_live = static_cast<int32_t>(segment_bytes_);
  uint32_t sparse = kNoSegment;
  SegmentWord sparse_word{0};
  const uint64_t now = NowMs(t);
  for (uint32_t i = 0; i < g_.segment_count; i++) {
    Segment& s = segments_[i];
    SegmentWord word{s.state.load(kAcquire)};  // SYNC(segment-state)
    const uint32_t run = s.run_segments.load(kRelaxed);
    if (word.queue() == Queue::kSmall && word.state() != SegmentState::kFree) {
      small_bytes += run != 0 ? uint64_t{run} << g_.segment_shift : static_cast<uint64_t>(std::max(0, s.live_bytes.load(kRelaxed)));
    }
    if (word.state() != SegmentState::kSealed || word.queue() == Queue::kRun) continue;
    if (s.last_expiry.load(kRelaxed) <= now) {
      *victim = {i, word, false};
      return true;
    }
    const int32_t live = s.live_bytes.load(kRelaxed);
    const uint64_t sequence = s.seal_sequence.load(kRelaxed);
    if (word.queue() == Queue::kLease) {
      if (live <= 0) {
        *victim = {i, word, true};
        return true;
      }
      lease.Offer(i, sequence, word);
      continue;
    }
    // Dead bytes make a segment sparse, and so does early sealing; room that was only too small for the next record
    // does not, as no copy could use it better.
    const int64_t committed = s.committed.load(kRelaxed);
    const bool is_sparse = int64_t{live} * 100 < committed * kCompactBelowPercent || static_cast<uint32_t>(std::max(live, 0)) < segment_bytes_ / 2;
    if (run == 0 && is_sparse && live < least_live) {
      least_live = live;
      sparse = i;
      sparse_word = word;
    }
    (word.queue() == Queue::kSmall ? small : main).Offer(i, sequence, word);
  }
  if (sparse != kNoSegment) {
    *victim = {sparse, sparse_word, true};
    return true;
  }
  const bool from_small = small_bytes * 100 > data_bytes_ * kSmallPercent;
  const Oldest& first = from_small ? small : main;
  const Oldest& second = from_small ? main : small;
  const Oldest& chosen = first.segment != kNoSegment ? first : second.segment != kNoSegment ? second : lease;
  *victim = {chosen.segment, chosen.word, false};
  return chosen.segment != kNoSegment;
}

bool Table::KeepsApart() const { return g_.segment_count >= kSegmentsToKeepApart; }

bool Table::ReclaimOne(ThreadContext& t) {
  Victim victim;
  if (ChooseVictim(t, &victim)) return ReclaimSegment(t, victim);
  if (ReapDead(t) > 0) return true;
  // Everything is active: this thread's own segments are the last that can be had.
  bool sealed = false;
  for (Queue queue : {Queue::kSmall, Queue::kMain, Queue::kLease}) {
    for (int of_two = 0; of_two < 2; of_two++, t.SwapKept(queue)) {
      if (t.active[static_cast<int>(queue)].used == 0) continue;
      SealActive(t, queue);
      sealed = true;
    }
  }
  return sealed && ChooseVictim(t, &victim) && ReclaimSegment(t, victim);
}

// False only when nothing was left to try; losing the segment to another reclaimer is progress too.
bool Table::ReclaimSegment(ThreadContext& t, const Victim& victim) {
  Segment& s = segments_[victim.segment];
  SegmentWord expected = victim.word;
  SegmentWord mine = SegmentWord::Make(SegmentState::kReclaim, victim.word.queue(), t.slot, t.incarnation);
  // SYNC(segment-state): acquire. The records up to `committed` are complete.
  if (!s.state.compare_exchange_strong(expected.raw, mine.raw, kAcqRel, kRelaxed)) return true;
  KILL_POINT(reclaim_claimed);
  t.is_reclaiming = true;
  t.Count(victim.keep_all ? Counter::compactions : Counter::reclaims);
  const uint32_t committed = std::min(s.committed.load(kAcquire), segment_bytes_);  // SYNC(committed)
  if (s.run_segments.load(kRelaxed) != 0) {
    bool kept = ReclaimRunHead(t, victim, mine);
    t.is_reclaiming = false;
    if (!kept) FreeSegment(victim.segment, mine);
    return true;
  }
  const bool is_apart = victim.keep_all && KeepsApart();
  if (is_apart) t.SwapKept(victim.word.queue());
  uint32_t copied = 0, records = 0;
  // Some records ahead, so that the misses on their buckets overlap.
  Walked batch[kWalkAhead];
  for (uint32_t offset = 0, count = 1; count != 0;) {
    for (count = 0; count < kWalkAhead && offset + kHeaderBytes <= committed; count++) {
      Walked& w = batch[count];
      if (!Locate(LocationOf(victim.segment, offset), &w.place)) break;
      w.header = LoadHeader(w.place.header);
      w.bytes = CheckedRecordBytes(w.header, committed - offset);
      // Only corruption, or the head of a run that was given up, leads out here.
      if (w.bytes == 0 || w.header.key_bytes > kMaxKeyBytes) break;
      w.key = MakeKey(w.header.ns, w.place.key(), w.header.key_bytes);
      Prefetch(w.key);
      offset += w.bytes;
    }
    for (uint32_t i = 0; i < count; i++) {
      ReclaimRecord(t, batch[i], victim, &copied);
      records += batch[i].header.type == RecordType::kValue ? 1 : 0;
    }
  }
  NoteSegmentRecords(records);
  if (is_apart) t.SwapKept(victim.word.queue());
  t.is_reclaiming = false;
  FreeSegment(victim.segment, mine);
  return true;
}

// What main's reclaim makes of a record that enters or stays in main.
Origin Table::OriginInMain(Queue from, uint32_t frequency) {
  return from == Queue::kSmall ? static_cast<Origin>(std::min(frequency, 2u)) : Origin::kVeteran;
}

// Whether a record that reclaim meets in `queue` with this frequency is copied to main. Teaches admission.
bool Table::IsWorthy(ThreadContext& t, Queue queue, Origin origin, uint32_t frequency) {
  if (queue == Queue::kSmall) return DrawAdmission(t, OriginInMain(queue, frequency));
  // The round of grace of a twice proven key is not a hit.
  ReviewAdmission(origin, frequency > (origin == Origin::kBackMain ? 1u : 0u));
  return frequency > 0;
}

// BENIGN: a lost update is one segment less in a running mean.
void Table::NoteSegmentRecords(uint32_t records) {
  auto& mean = region_->header().segment_records;
  const uint32_t now = mean.load(kRelaxed);
  mean.store(now == 0 ? records << 8 : now - now / 16 + (records << 8) / 16, kRelaxed);
}

void Table::ReclaimRecord(ThreadContext& t, const Walked& walked, const Victim& victim, uint32_t* copied) {
  const auto& [place, header, key, bytes] = walked;
  const uint32_t bucket_index = HashRange(key.hash, g_.bucket_count);
  Bucket& bucket = buckets_[bucket_index];
  int slot = -1;
  uint32_t frequency = 0;
  auto find = [&](Bucket& b, Scan& scan) -> Decision {
    slot = -1;
    for (int i = 0; i < static_cast<int>(kSlotsPerBucket); i++) {
      if (scan.words[i].location() == place.location) slot = i;
    }
    frequency = slot >= 0 ? FrequencyOf(b, slot) : 0;
    return {};
  };
  BucketOp(t, bucket_index, nullptr, 0, find);
  if (slot < 0) return;

  const bool usable = IsUsable(place, header, EpochOf(header.ns), NowMs(t));
  const bool is_value = header.type == RecordType::kValue;
  const Queue queue = victim.word.queue();
  const bool worthy = !is_value || victim.keep_all || (usable && IsWorthy(t, queue, header.origin, frequency));
  const bool below_cap = victim.keep_all || t.fruitless_reclaims < kPatience ||
                         *copied + bytes <= segment_bytes_ / 100 * kImpatientCopyPercent;
  RecordPlace copy;
  // The queue's number comes from shared memory and is not used as an index.
  Queue to = !is_value ? Queue::kLease : victim.keep_all && queue == Queue::kSmall ? Queue::kSmall : Queue::kMain;
  if (usable && worthy && below_cap && !header.is_run && Reserve(t, to, bytes, &copy)) {
    CopyShared(copy.header, place.header, bytes);
    if (is_value && !victim.keep_all) StoreOrigin(copy.header, OriginInMain(queue, frequency));
    CommitRecord(t, to, copy, bytes, header.hard_ms);
    KILL_POINT(reclaim_copied);
    auto relocate = [&](Bucket&, Scan& scan) -> Decision {
      for (int i = 0; i < static_cast<int>(kSlotsPerBucket); i++) {
        if (scan.words[i].location() == place.location) return {Act::kPut, i, header.version};
      }
      return {};
    };
    Outcome outcome = BucketOp(t, bucket_index, nullptr, copy.location, relocate);
    KILL_POINT(reclaim_relocated);
    if (outcome.decision.act != Act::kPut) {
      RollBackRecord(t, to, copy);
      return;
    }
    *copied += bytes;
    if (victim.keep_all && KeepsApart()) t.active[static_cast<int>(to)].age += uint64_t{bytes} * segments_[victim.segment].seal_sequence.load(kRelaxed);
    t.Count(Counter::copies);
    if (is_value && !victim.keep_all) {
      SetFrequency(bucket, outcome.decision.slot, queue == Queue::kSmall ? 0 : frequency - 1);
    }
    return;
  }
  auto remove = [&](Bucket&, Scan& scan) -> Decision {
    for (int i = 0; i < static_cast<int>(kSlotsPerBucket); i++) {
      if (scan.words[i].location() == place.location) return {Act::kRemove, i, 0};
    }
    return {};
  };
  if (BucketOp(t, bucket_index, nullptr, 0, remove).decision.act != Act::kRemove) return;
  KILL_POINT(reclaim_evicted);
  if (!is_value) return;
  if (!usable) {
    t.Count(Counter::expirations);
  } else if (queue == Queue::kSmall) {
    t.Count(Counter::evictions_small);
    GhostInsert(key.hash, Queue::kSmall);
  } else {
    t.Count(Counter::evictions_main);
    GhostInsert(key.hash, Queue::kMain);
  }
}

// A run is kept by relabelling its head segment, not by copying. True if it was kept.
bool Table::ReclaimRunHead(ThreadContext& t, const Victim& victim, SegmentWord mine) {
  RecordPlace place;
  Locate(LocationOf(victim.segment, 0), &place);
  HeaderCopy header = LoadHeader(place.header);
  if (header.key_bytes > kMaxKeyBytes) return false;
  Key key = MakeKey(header.ns, place.key(), header.key_bytes);
  const uint32_t bucket_index = HashRange(key.hash, g_.bucket_count);
  const bool usable = IsUsable(place, header, EpochOf(header.ns), NowMs(t));
  const Queue queue = victim.word.queue();
  bool keep = false, found = false;
  uint32_t frequency = 0;
  auto decide = [&](Bucket& bucket, Scan& scan) -> Decision {
    keep = found = false;
    for (int i = 0; i < static_cast<int>(kSlotsPerBucket); i++) {
      if (scan.words[i].location() != place.location) continue;
      found = true;
      frequency = FrequencyOf(bucket, i);
      keep = usable && (victim.keep_all || IsWorthy(t, queue, header.origin, frequency));
      if (keep) SetFrequency(bucket, i, queue == Queue::kSmall ? 0 : frequency - 1);
      return keep ? Decision{} : Decision{Act::kRemove, i, 0};
    }
    return {};
  };
  BucketOp(t, bucket_index, nullptr, 0, decide);
  if (keep) {
    StoreOrigin(place.header, OriginInMain(queue, frequency));
    SealSegment(victim.segment, mine, Queue::kMain);
    return true;
  }
  KILL_POINT(reclaim_evicted);
  if (found) {
    t.Count(!usable ? Counter::expirations
            : queue == Queue::kSmall ? Counter::evictions_small : Counter::evictions_main);
    if (usable) GhostInsert(key.hash, queue);
  } else {
    FreeRun(t, place, generations_[victim.segment].load(kRelaxed));
  }
  return false;
}

bool Table::ReclaimExpired(ThreadContext& t) {
  const uint64_t now = NowMs(t);
  for (uint32_t i = 0; i < g_.segment_count; i++) {
    SegmentWord word{segments_[i].state.load(kAcquire)};  // SYNC(segment-state)
    if (word.state() != SegmentState::kSealed || word.queue() == Queue::kRun) continue;
    if (segments_[i].last_expiry.load(kRelaxed) <= now) return ReclaimSegment(t, {i, word, false});
  }
  return false;
}

void Table::Recount(ThreadContext& t) {
  uint32_t free = 0;
  for (uint32_t i = 0; i < g_.segment_count; i++) {
    SegmentWord word{segments_[i].state.load(kAcquire)};  // SYNC(segment-state)
    if (word.state() == SegmentState::kFree) free++;
    if (word.state() == SegmentState::kSealed && word.queue() == Queue::kRun && !IsRunSegmentReferenced(t, i)) {
      if (FreeRunSegment(t, i, nullptr, false)) free++;
    }
  }
  // BENIGN: segments taken or freed during the count leave it off by a few; it only steers the janitor.
  region_->header().free_segments.store(free, kRelaxed);
}

}  // namespace strata
