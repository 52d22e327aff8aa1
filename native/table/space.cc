// Space: free segments, the segments a thread writes to, and sealing. The pointer a writer bumps is private.
#include <algorithm>

#include "shm/futex.h"
#include "table/table.h"

namespace strata {
namespace {

constexpr uint32_t kMaxOpenTries = 16;
// Of the room for the next record, so much is fetched ahead at most; a long copy fetches for itself.
constexpr uint32_t kRoomAhead = 2048;

}  // namespace

// Takes a FREE segment for this thread, leaving at least `keep_free` behind. kNoSegment if there is none.
uint32_t Table::TakeFreeSegment(ThreadContext& t, Queue queue, uint32_t keep_free) {
  auto& free_count = region_->header().free_segments;
  if (free_count.load(kRelaxed) <= keep_free) return kNoSegment;
  for (uint32_t n = 0; n < g_.segment_count; n++) {
    uint32_t i = t.free_hint + n;
    if (i >= g_.segment_count) i -= g_.segment_count;
    SegmentWord word{segments_[i].state.load(kRelaxed)};
    if (word.state() != SegmentState::kFree) continue;
    SegmentWord mine = SegmentWord::Make(SegmentState::kActive, queue, t.slot, t.incarnation);
    // SYNC(segment-state): acquire pairs with the release that freed it; release shows the new owner.
    if (!segments_[i].state.compare_exchange_strong(word.raw, mine.raw, kAcqRel, kRelaxed)) continue;
    KILL_POINT(segment_taken);
    free_count.fetch_sub(1, kRelaxed);
    t.free_hint = i + 1;
    Segment& s = segments_[i];
    s.live_bytes.store(0, kRelaxed);
    s.last_expiry.store(0, kRelaxed);
    s.run_segments.store(0, kRelaxed);
    return i;
  }
  free_count.store(0, kRelaxed);
  return kNoSegment;
}

void Table::FreeSegment(uint32_t segment, SegmentWord mine) {
  Segment& s = segments_[segment];
  s.committed.store(0, kRelaxed);
  KILL_POINT(reclaim_emptied);
  // SYNC(reclaim-gen): release, and a fence behind it, so that no byte of the next owner can be seen by a
  // reader that still finds the old generation.
  generations_[segment].fetch_add(1, kRelease);
  Fence(kRelease);
  KILL_POINT(reclaim_gen_bumped);
  SegmentWord expected = mine;
  SegmentWord free = SegmentWord::Make(SegmentState::kFree, Queue::kSmall, 0, 0);
  // SYNC(segment-state): release. The segment is empty for whoever takes it.
  if (s.state.compare_exchange_strong(expected.raw, free.raw, kAcqRel, kRelaxed)) {
    region_->header().free_segments.fetch_add(1, kRelaxed);
  }
}

void Table::SealSegment(uint32_t segment, SegmentWord now, Queue queue, uint64_t place) {
  if (place == 0) place = region_->header().seal_sequence.fetch_add(1, kRelaxed) + 1;
  segments_[segment].seal_sequence.store(place, kRelaxed);
  SegmentWord sealed = SegmentWord::Make(SegmentState::kSealed, queue, now.thread(), now.incarnation());
  // SYNC(segment-state): release. Records and their count are complete for whoever reclaims it.
  segments_[segment].state.compare_exchange_strong(now.raw, sealed.raw, kAcqRel, kRelaxed);
  KILL_POINT(segment_sealed);
}

void Table::SealActive(ThreadContext& t, Queue queue) {
  ThreadContext::Active& active = t.active[static_cast<int>(queue)];
  if (active.segment == kNoSegment) return;
  CountLive(active);
  SegmentWord word{segments_[active.segment].state.load(kRelaxed)};
  if (active.used == 0) {
    FreeSegment(active.segment, word);
  } else {
    SealSegment(active.segment, word, queue, active.age / active.used);
  }
  active = {};
}

bool Table::OpenActive(ThreadContext& t, Queue queue) {
  SealActive(t, queue);
  ThreadContext::Active& active = t.active[static_cast<int>(queue)];
  // Copies of a running reclaim may take the last segment; everybody else leaves it.
  const uint32_t keep_free = t.is_reclaiming ? 0 : kReserve;
  uint32_t segment = TakeFreeSegment(t, queue, keep_free);
  if (segment == kNoSegment && !t.is_reclaiming) {
    t.Count(Counter::inline_reclaims);
    for (uint32_t tries = 0; segment == kNoSegment && tries < g_.segment_count; tries++) {
      if (!ReclaimOne(t)) break;
      t.fruitless_reclaims++;
      if (active.segment != kNoSegment) break;  // the reclaim opened one for its copies
      segment = TakeFreeSegment(t, queue, keep_free);
    }
    t.fruitless_reclaims = 0;
    if (active.segment != kNoSegment) return true;
    if (segment == kNoSegment) segment = TakeFreeSegment(t, queue, 0);
  }
  if (segment == kNoSegment) return false;
  if (FreeSegments() < free_target_ && !t.is_reclaiming) {
    auto& wake = region_->header().janitor_wake;
    wake.fetch_add(1, kRelaxed);
    FutexWakeAll(wake);
  }
  active.segment = segment;
  active.used = 0;
  return true;
}

// Reserves room for one record at the end of the thread's active segment of `queue`.
bool Table::Reserve(ThreadContext& t, Queue queue, uint32_t bytes, RecordPlace* place) {
  ThreadContext::Active& active = t.active[static_cast<int>(queue)];
  if (bytes > segment_bytes_) return false;
  for (uint32_t tries = 0; active.segment == kNoSegment || active.used + bytes > segment_bytes_; tries++) {
    // More than once: a reclaim on the way may open the segment for its own copies and leave it nearly full.
    if (tries == kMaxOpenTries || !OpenActive(t, queue)) return false;
  }
  CountLive(active);
  place->segment = active.segment;
  place->room = segment_bytes_ - active.used;
  place->location = LocationOf(active.segment, active.used);
  place->header = reinterpret_cast<RecordHeader*>(SegmentData(active.segment) + active.used);
  // Room for another like it, so that the next write need not wait for the lines it writes to.
  const uint8_t* next = reinterpret_cast<const uint8_t*>(place->header) + bytes;
  const uint32_t ahead = std::min({bytes, place->room - bytes, kRoomAhead});
  for (uint32_t at = 0; at < ahead; at += kLine) __builtin_prefetch(next + at, 1);
  return true;
}

// Brings the hint up to date with what the thread has written. A record later than need be: right after its bytes a locked
// addition would wait until all of them have left the processor's store buffer.
void Table::CountLive(ThreadContext::Active& active) {
  if (active.uncounted == 0) return;
  segments_[active.segment].live_bytes.fetch_add(active.uncounted, kRelaxed);
  active.uncounted = 0;
}

// The record at `place` is complete: counts for walkers from here on, though nothing refers to it yet.
void Table::CommitRecord(ThreadContext& t, Queue queue, const RecordPlace& place, uint32_t bytes, uint64_t hard_ms) {
  KILL_POINT(record_written);
  ThreadContext::Active& active = t.active[static_cast<int>(queue)];
  Segment& s = segments_[place.segment];
  active.used += bytes;
  uint64_t last = s.last_expiry.load(kRelaxed);
  s.last_expiry.store(hard_ms == kNever ? ~uint64_t{0} : std::max(last, hard_ms), kRelaxed);
  active.uncounted += static_cast<int32_t>(bytes);
  // SYNC(committed): release. A walker that sees the count sees the records.
  s.committed.store(active.used, kRelease);
  KILL_POINT(record_committed);
}

// Takes back the last record, which was never published.
void Table::RollBackRecord(ThreadContext& t, Queue queue, const RecordPlace& place) {
  ThreadContext::Active& active = t.active[static_cast<int>(queue)];
  uint32_t start = segment_bytes_ - place.room;
  if (active.segment != place.segment || active.used <= start) return;
  active.uncounted -= static_cast<int32_t>(active.used - start);
  active.used = start;
  segments_[place.segment].committed.store(start, kRelease);  // SYNC(committed)
}

}  // namespace strata
