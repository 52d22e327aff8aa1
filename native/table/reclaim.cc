// Reclaim: S3-FIFO over segments. Queues are only the order of sealing, so there is nothing to repair in them.
//
// A reclaimer claims a sealed segment, walks its records, copies the worthy to its own segments and removes the
// rest from the index, then bumps the generation and frees the segment. Every step bears repetition, so a segment
// whose reclaimer died is simply walked again.
// Source: Yang et al., FIFO queues are all you need for cache eviction, SOSP 2023; segments after Yang et al.,
// Segcache, NSDI 2021.
#include "table/bucket.h"

namespace strata {
namespace {

constexpr uint32_t kCompactBelowPercent = 75;
constexpr uint32_t kCopyCapPercent = 95;

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
  uint32_t small_segments = 0;
  int32_t least_live = static_cast<int32_t>(uint64_t{segment_bytes_} * kCompactBelowPercent / 100);
  uint32_t sparse = kNoSegment;
  SegmentWord sparse_word{0};
  const uint64_t now = NowMs(t);
  for (uint32_t i = 0; i < g_.segment_count; i++) {
    Segment& s = segments_[i];
    SegmentWord word{s.state.load(kAcquire)};  // SYNC(segment-state)
    const uint32_t run = s.run_segments.load(kRelaxed);
    if (word.queue() == Queue::kSmall && word.state() != SegmentState::kFree) small_segments += std::max(run, 1u);
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
    if (run == 0 && live < least_live) {
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
  const bool from_small = small_segments > region_->header().small_target.load(kRelaxed) || main.segment == kNoSegment;
  const Oldest& first = from_small ? small : main;
  const Oldest& second = from_small ? main : small;
  const Oldest& chosen = first.segment != kNoSegment ? first : second.segment != kNoSegment ? second : lease;
  *victim = {chosen.segment, chosen.word, false};
  return chosen.segment != kNoSegment;
}

bool Table::ReclaimOne(ThreadContext& t) {
  Victim victim;
  if (ChooseVictim(t, &victim)) return ReclaimSegment(t, victim);
  if (ReapDead(t) > 0) return true;
  // Everything is active: this thread's own segments are the last that can be had.
  bool sealed = false;
  for (Queue queue : {Queue::kSmall, Queue::kMain, Queue::kLease}) {
    if (t.active[static_cast<int>(queue)].used == 0) continue;
    SealActive(t, queue);
    sealed = true;
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
  uint32_t copied = 0;
  for (uint32_t offset = 0; offset + kHeaderBytes <= committed;) {
    RecordPlace place;
    if (!Locate(LocationOf(victim.segment, offset), &place)) break;
    HeaderCopy header = LoadHeader(place.header);
    uint32_t bytes = CheckedRecordBytes(header, committed - offset);
    if (bytes == 0) break;  // only corruption, or the head of a run that was given up, leads here
    ReclaimRecord(t, place, header, bytes, victim, &copied);
    offset += bytes;
  }
  t.is_reclaiming = false;
  FreeSegment(victim.segment, mine);
  return true;
}

void Table::ReclaimRecord(ThreadContext& t, const RecordPlace& place, const HeaderCopy& header, uint32_t bytes,
                          const Victim& victim, uint32_t* copied) {
  if (header.key_bytes > kMaxKeyBytes) return;
  Key key = MakeKey(header.ns, place.key(), header.key_bytes);
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

  const bool usable = IsUsable(header, EpochOf(header.ns), NowMs(t));
  const bool is_value = header.type == RecordType::kValue;
  const Queue queue = victim.word.queue();
  const bool worthy = !is_value || victim.keep_all || frequency > 0;
  const bool below_cap = victim.keep_all || *copied + bytes <= segment_bytes_ / 100 * kCopyCapPercent;
  RecordPlace copy;
  Queue to = !is_value ? Queue::kLease : victim.keep_all ? queue : Queue::kMain;
  if (usable && worthy && below_cap && !header.is_run && Reserve(t, to, bytes, &copy)) {
    CopyShared(copy.header, place.header, bytes);
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
    GhostInsert(key.hash);
  } else {
    t.Count(Counter::evictions_main);
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
  const bool usable = IsUsable(header, EpochOf(header.ns), NowMs(t));
  bool keep = false, found = false;
  uint32_t frequency = 0;
  auto decide = [&](Bucket& bucket, Scan& scan) -> Decision {
    keep = found = false;
    for (int i = 0; i < static_cast<int>(kSlotsPerBucket); i++) {
      if (scan.words[i].location() != place.location) continue;
      found = true;
      frequency = FrequencyOf(bucket, i);
      keep = usable && (frequency > 0 || victim.keep_all);
      if (keep) SetFrequency(bucket, i, victim.word.queue() == Queue::kSmall ? 0 : frequency - 1);
      return keep ? Decision{} : Decision{Act::kRemove, i, 0};
    }
    return {};
  };
  BucketOp(t, bucket_index, nullptr, 0, decide);
  if (keep) {
    SealSegment(victim.segment, mine, Queue::kMain);
    return true;
  }
  KILL_POINT(reclaim_evicted);
  if (found) {
    t.Count(!usable ? Counter::expirations
            : victim.word.queue() == Queue::kSmall ? Counter::evictions_small : Counter::evictions_main);
    if (usable && victim.word.queue() == Queue::kSmall) GhostInsert(key.hash);
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
