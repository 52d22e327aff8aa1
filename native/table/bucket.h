// The one protocol by which anything in a bucket changes: decide, commit by one CAS on the intent word, help.
//
// A decide function sees a scan of the bucket and says which single slot changes. If the intent word moved since
// the scan, the commit fails and the scan is repeated, so every decision is taken on the state it changes.
#pragma once

#include <algorithm>

#include "table/table.h"

namespace strata {

inline uint64_t MonotonicNext(uint64_t max_version, uint64_t floor) { return std::max(max_version, floor) + 1; }

template <class Decide>
Table::Outcome Table::BucketOp(ThreadContext& t, uint32_t bucket_index, const Key* key, uint32_t new_location,
                               Decide decide) {
  Bucket& bucket = buckets_[bucket_index];
  // Where the reaper looks first if this thread dies before its intent is applied.
  Atomic<uint32_t>& hint = region_->threads()[t.slot].bucket_hint;
  hint.store(bucket_index + 1, kRelaxed);
  const CountWord counts_before = Counts();
  Scan scan;
  for (;;) {
    // SYNC(intent): acquire. Pairs with the commit and the clearing CAS of whoever changed the bucket last.
    Intent seen{bucket.intent.load(kAcquire)};
    if (!seen.is_idle()) {
      t.Count(Counter::helps);
      Help(t, bucket, seen);
      continue;
    }
    ScanBucket(bucket, key, &scan);
    scan.intent = seen;
    scan.max_version = bucket.max_version.load(kAcquire);  // SYNC(max-version)
    Decision decision = decide(bucket, scan);
    if (decision.act == Act::kNothing) {
      Fence(kAcquire);  // SYNC(intent): the scan's loads come before this second look
      if (bucket.intent.load(kRelaxed) != seen.raw) continue;
      hint.store(0, kRelaxed);
      return {decision, 0, 0};
    }
    if (decision.act == Act::kFence) {
      // A put of nothing: it leaves only its sequence. SYNC(intent): acq_rel, as the commit below.
      Intent mine = Intent::Make(seen.sequence() + 1, IntentOp::kPut, 0, 0);
      if (!bucket.intent.compare_exchange_strong(seen.raw, mine.raw, kAcqRel, kRelaxed)) continue;
      KILL_POINT(fence_committed);
      Help(t, bucket, mine);
      hint.store(0, kRelaxed);
      return {decision, decision.version, 0};
    }
    Outcome outcome{decision, 0, scan.words[decision.slot].location()};
    RecordPlace old_place, new_place;
    HeaderCopy old_header{}, new_header{};
    bool has_old = outcome.displaced != 0 && Locate(outcome.displaced, &old_place);
    uint32_t old_generation = 0;
    if (has_old) {
      old_header = LoadHeader(old_place.header);
      old_generation = generations_[old_place.segment].load(kAcquire);  // SYNC(reclaim-gen)
    }
    if (decision.act == Act::kPut) {
      if (!Locate(new_location, &new_place)) {
        hint.store(0, kRelaxed);
        return {Decision{}, 0, 0};
      }
      outcome.version = decision.version != 0 ? decision.version : MonotonicNext(scan.max_version, VersionFloor(t));
      StoreField(new_place.header->version, outcome.version);  // still private
      new_header = LoadHeader(new_place.header);
    }
    Intent mine = Intent::Make(seen.sequence() + 1, decision.act == Act::kPut ? IntentOp::kPut : IntentOp::kRemove,
                               static_cast<uint32_t>(decision.slot), decision.act == Act::kPut ? new_location : 0);
    // SYNC(intent): acq_rel. Commit point: releases the record to whoever helps; orders the scan before it.
    // SYNC(count): seq_cst. Which counts there are, and whether they have taken the bucket, is looked at after it.
    if (!bucket.intent.compare_exchange_strong(seen.raw, mine.raw, kSeqCst, kRelaxed)) continue;
    KILL_POINT(intent_committed);
    Help(t, bucket, mine);

    bool was_value = has_old && old_header.type == RecordType::kValue;
    bool is_value = decision.act == Act::kPut && new_header.type == RecordType::kValue;
    if (is_value) t.Count(Counter::live_bytes, new_header.before_value() + new_header.value_bytes);
    if (was_value) t.Count(Counter::live_bytes, -uint64_t{old_header.before_value() + old_header.value_bytes});
    if (is_value != was_value) t.Count(Counter::entries, is_value ? 1 : ~uint64_t{0});
    CountQuotas(bucket, mine.sequence(), counts_before, has_old ? &old_header : nullptr,
                decision.act == Act::kPut ? &new_header : nullptr);
    // SYNC(count): release. Who dies before it has not counted, for all that can be known; then everything is counted anew.
    hint.store(0, kRelease);
    if (has_old) {
      if (old_header.is_run) {
        FreeRun(t, old_place, old_generation);
      } else if (uint32_t bytes = CheckedRecordBytes(old_header, old_place.room)) {
        segments_[old_place.segment].live_bytes.fetch_sub(static_cast<int32_t>(bytes), kRelaxed);
      }
    }
    return outcome;
  }
}

}  // namespace strata
