// Thread slots: taken by a file lock, repaired by whoever proves their holder dead by obtaining that lock.
#include "shm/host_identity.h"
#include "table/bucket.h"

namespace strata {
namespace {

constexpr uint64_t SlotState(uint32_t incarnation, bool is_registered) {
  return uint64_t{incarnation} << 32 | (is_registered ? 1u : 0u);
}

}  // namespace

void ThreadContext::Record(Histogram histogram, uint64_t nanoseconds) {
  // Four buckets per power of two: index = 4 * log2 + the two bits below the leading one.
  uint64_t v = nanoseconds < 4 ? 4 : nanoseconds;
  auto log = static_cast<uint32_t>(63 - __builtin_clzll(v));
  uint32_t index = std::min(kHistogramBuckets - 1, log * 4 + static_cast<uint32_t>((v >> (log - 2)) & 3));
  auto& word = stats->histograms[static_cast<size_t>(histogram)][index];
  word.store(word.load(kRelaxed) + 1, kRelaxed);
}

Status Table::Register(ThreadContext& t) {
  if (!t.lock.Open(region_->fd())) return Status::kSystem;
  for (uint32_t i = 0; i < g_.thread_slots; i++) {
    ThreadSlot& slot = region_->threads()[i];
    if (!t.lock.TryLock(kLockThreads + i)) continue;
    KILL_POINT(thread_locked);
    uint64_t state = slot.state.load(kAcquire);  // SYNC(thread-slot)
    auto incarnation = static_cast<uint32_t>(state >> 32);
    t.slot = i;
    t.stats = &region_->stats()[i];
    bool was_registered = (state & 1) != 0;
    t.incarnation = incarnation + 1;
    // SYNC(thread-slot): release. From here on this thread owns what carries the new incarnation.
    slot.state.store(SlotState(t.incarnation, true), kRelease);
    slot.pid.store(ProcessId(), kRelaxed);
    KILL_POINT(thread_registered);
    if (was_registered) {  // the lock was free, so the former holder is dead
      RepairThread(t, i, incarnation);
      t.Count(Counter::reaped);
    }
    t.free_hint = static_cast<uint32_t>((uint64_t{i} * 2654435761u) % g_.segment_count);
    return Status::kOk;
  }
  t.lock.Close();
  return Status::kThreadLimit;
}

void Table::Unregister(ThreadContext& t) {
  if (t.stats == nullptr) return;
  for (Queue queue : {Queue::kSmall, Queue::kMain, Queue::kLease}) {
    SealActive(t, queue);
    t.SwapKept(queue);
    SealActive(t, queue);
  }
  ThreadSlot& slot = region_->threads()[t.slot];
  slot.state.store(SlotState(t.incarnation, false), kRelease);  // SYNC(thread-slot)
  t.stats = nullptr;
  t.lock.Close();
}

bool Table::IsAlive(ThreadContext& t, uint32_t slot, uint32_t incarnation) {
  if (slot >= g_.thread_slots) return false;
  uint64_t state = region_->threads()[slot].state.load(kAcquire);  // SYNC(thread-slot)
  if ((state & 1) == 0 || (static_cast<uint32_t>(state >> 32) & 0xfffffu) != (incarnation & 0xfffffu)) return false;
  return slot == t.slot || t.lock.IsHeldByOther(kLockThreads + slot);
}

// True if the segment's owner can never touch it again.
bool Table::OwnerIsGone(ThreadContext& t, SegmentWord word) {
  if (word.thread() >= g_.thread_slots) return true;
  uint64_t state = region_->threads()[word.thread()].state.load(kAcquire);  // SYNC(thread-slot)
  if (static_cast<uint32_t>(state >> 32) != word.incarnation() || (state & 1) == 0) return true;
  return word.thread() != t.slot && !t.lock.IsHeldByOther(kLockThreads + word.thread());
}

uint32_t Table::ReapDead(ThreadContext& t) {
  uint32_t reaped = 0;
  for (uint32_t i = 0; i < g_.thread_slots; i++) {
    if (i == t.slot) continue;
    ThreadSlot& slot = region_->threads()[i];
    if ((slot.state.load(kRelaxed) & 1) == 0 || !t.lock.TryLock(kLockThreads + i)) continue;
    KILL_POINT(reap_locked);
    uint64_t state = slot.state.load(kAcquire);  // SYNC(thread-slot)
    if ((state & 1) != 0) {
      auto incarnation = static_cast<uint32_t>(state >> 32);
      RepairThread(t, i, incarnation);
      // Only now: a reaper that dies half-way leaves the slot registered for the next one.
      slot.state.store(SlotState(incarnation, false), kRelease);  // SYNC(thread-slot)
      t.Count(Counter::reaped);
      reaped++;
    }
    KILL_POINT(reap_done);
    t.lock.Unlock(kLockThreads + i);
  }
  if (reaped > 0) WakeAllWaiters();
  return reaped;
}

// REQUIRES: the caller holds the file lock of `slot`, whose holders up to `incarnation` are dead.
void Table::RepairThread(ThreadContext& t, uint32_t slot, uint32_t incarnation) {
  uint32_t hint = region_->threads()[slot].bucket_hint.load(kRelaxed);
  if (hint != 0 && hint <= g_.bucket_count) {
    Bucket& bucket = buckets_[hint - 1];
    Intent intent{bucket.intent.load(kAcquire)};  // SYNC(intent)
    if (!intent.is_idle()) Help(t, bucket, intent);
    // It may have changed the bucket without having counted that.
    WantCount();
  }
  region_->threads()[slot].bucket_hint.store(0, kRelaxed);
  for (uint32_t i = 0; i < g_.segment_count; i++) {
    SegmentWord word{segments_[i].state.load(kAcquire)};  // SYNC(segment-state)
    // Earlier incarnations too: who takes over a dead one's slot may die before it has repaired what that one left.
    if (word.thread() != slot || static_cast<int32_t>(incarnation - word.incarnation()) < 0) continue;
    if (word.state() != SegmentState::kActive && word.state() != SegmentState::kReclaim) continue;
    if (segments_[i].run_segments.load(kRelaxed) != 0 || word.queue() == Queue::kRun) {
      FreeRunSegment(t, i, nullptr, true);
    } else if (segments_[i].committed.load(kAcquire) == 0) {  // SYNC(committed)
      FreeSegment(i, word);
    } else {
      // A half-reclaimed segment is walked again from the start: each of its steps bears repetition.
      SealSegment(i, word, word.queue());
    }
    KILL_POINT(reap_segment);
  }
}

}  // namespace strata
