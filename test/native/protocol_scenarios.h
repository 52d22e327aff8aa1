// The scenarios and the planted bugs with the scenarios that find them.
#ifndef STRATACACHE_TEST_NATIVE_PROTOCOL_SCENARIOS_H_
#define STRATACACHE_TEST_NATIVE_PROTOCOL_SCENARIOS_H_

#include "protocol_model.h"

namespace protocol {

inline Op Set(int key, int value, int parts = 0) {
  return {OpKind::kSet, static_cast<u8>(key), static_cast<u8>(value), static_cast<u8>(parts)};
}
inline Op Publish(int key, int value, int parts = 0) {
  return {OpKind::kPublish, static_cast<u8>(key), static_cast<u8>(value), static_cast<u8>(parts)};
}
inline Op Versioned(Op op, int fleet) {
  op.fleet = static_cast<u8>(fleet);
  return op;
}
inline Op Invalidate(int key, int fleet) { return Versioned({OpKind::kInvalidate, static_cast<u8>(key)}, fleet); }
inline Op Delete(int key) { return {OpKind::kDelete, static_cast<u8>(key)}; }
inline Op Acquire(int key) { return {OpKind::kAcquire, static_cast<u8>(key)}; }
inline Op Refresh(int key) { return {OpKind::kRefresh, static_cast<u8>(key)}; }
inline Op Fail(int key) { return {OpKind::kFail, static_cast<u8>(key)}; }
inline Op Abandon(int key) { return {OpKind::kAbandon, static_cast<u8>(key)}; }
inline Op Read(int key) { return {OpKind::kRead, static_cast<u8>(key)}; }
inline Op Clear() { return {OpKind::kClear}; }
inline Op Reclaim() { return {OpKind::kReclaim}; }
inline Op Janitor() { return {OpKind::kJanitor}; }

// Columns: name, grain, slots, segments, buckets, kills, deadlines that may pass, tries of a read,
// relocation; then the setup, run alone beforehand, and one script per process.
inline std::vector<Scenario> CiScenarios(uint64_t limit) {
  constexpr Grain kWord = Grain::kWord, kScan = Grain::kScan, kCommit = Grain::kCommit;
  return {
      // Values only: the bucket and the generations.
      {"set-set-read", kWord, 2, 3, 1, 2, 0, 2, false, {},
       {{Set(1, 1)}, {Set(1, 2)}, {Read(1)}}, limit},
      {"set-delete-read", kWord, 2, 3, 1, 2, 0, 2, false, {},
       {{Set(1, 1), Delete(1)}, {Set(1, 2)}, {Read(1)}}, limit},
      {"set-set-set", kWord, 2, 3, 1, 1, 0, 2, false, {},
       {{Set(1, 1)}, {Set(1, 2)}, {Set(2, 3), Read(1)}}, limit},
      {"set-delete-reuse", kWord, 2, 2, 1, 2, 0, 2, false, {},
       {{Set(1, 1), Set(2, 3)}, {Delete(1), Read(1)}}, limit},
      {"reuse-read", kWord, 2, 2, 1, 2, 0, 2, false, {},
       {{Set(1, 1), Set(2, 2), Set(1, 3)}, {Read(1), Read(1)}}, limit},
      {"set-reclaim-relocate", kWord, 1, 3, 1, 2, 0, 2, true, {Set(1, 1)},
       {{Set(1, 2)}, {Reclaim()}, {Read(1)}}, limit},
      {"reclaim-takeover", kWord, 1, 3, 1, 2, 0, 2, true, {Set(1, 1)},
       {{Reclaim()}, {Reclaim()}, {Delete(1), Read(1)}}, limit},
      {"set-clear", kWord, 2, 3, 1, 2, 0, 2, false, {},
       {{Set(1, 1)}, {Clear(), Set(1, 2)}, {Read(1)}}, limit},
      // Leases.
      {"lease-set-word", kWord, 2, 4, 1, 2, 1, 2, false, {},
       {{Acquire(1), Publish(1, 1)}, {Set(1, 2), Read(1)}}, limit},
      {"refresh-set-word", kWord, 2, 4, 1, 2, 1, 2, false, {Set(1, 4)},
       {{Refresh(1), Publish(1, 1)}, {Set(1, 2), Read(1)}}, limit},
      {"lease-takeover-word", kWord, 2, 4, 1, 2, 1, 2, false, {},
       {{Acquire(1), Publish(1, 1)}, {Acquire(1), Publish(1, 2)}}, limit},
      {"lease-clear-read", kWord, 2, 4, 1, 2, 0, 2, false, {},
       {{Acquire(1), Publish(1, 1)}, {Clear()}, {Read(1)}}, limit},
      {"lease-set", kScan, 2, 5, 1, 2, 1, 2, false, {},
       {{Acquire(1), Publish(1, 1)}, {Set(1, 2)}, {Acquire(1), Publish(1, 3)}}, limit},
      {"lease-delete", kScan, 2, 5, 1, 2, 1, 2, false, {},
       {{Acquire(1), Publish(1, 1)}, {Delete(1)}, {Acquire(1), Publish(1, 3)}}, limit},
      {"lease-fail", kScan, 2, 4, 1, 2, 1, 2, false, {},
       {{Acquire(1), Fail(1)}, {Acquire(1), Abandon(1)}, {Set(1, 2), Delete(1)}}, limit},
      {"lease-victims", kCommit, 2, 5, 1, 2, 0, 2, false, {Set(2, 5)},
       {{Acquire(1), Publish(1, 1)}, {Set(2, 2), Refresh(2)}, {Set(1, 3)}}, limit},
      {"refresh-set", kScan, 2, 5, 1, 1, 0, 2, false, {Set(1, 4)},
       {{Refresh(1), Publish(1, 1)}, {Set(1, 2)}, {Refresh(1), Publish(1, 3)}}, limit},
      {"refresh-delete", kScan, 3, 5, 1, 2, 1, 2, false, {Set(1, 4)},
       {{Refresh(1), Publish(1, 1)}, {Delete(1)}, {Refresh(1), Fail(1)}}, limit},
      {"refresh-clear", kScan, 2, 5, 1, 1, 0, 2, false, {Set(1, 4)},
       {{Refresh(1), Publish(1, 1)}, {Clear(), Set(1, 2)}, {Acquire(1), Publish(1, 3)}}, limit},
      {"refresh-evict", kScan, 2, 5, 1, 2, 0, 2, true, {Set(1, 4)},
       {{Refresh(1), Publish(1, 1)}, {Set(1, 2)}, {Reclaim()}}, limit},
      // Invalidation by fleet version.
      {"invalidate-set-word", kWord, 2, 4, 1, 2, 0, 2, false, {Versioned(Set(1, 1), 5)},
       {{Invalidate(1, 7)}, {Versioned(Set(1, 2), 8), Read(1)}}, limit},
      {"invalidate-lease-word", kWord, 2, 4, 1, 2, 1, 2, false, {},
       {{Acquire(1), Versioned(Publish(1, 1), 5)}, {Invalidate(1, 7), Read(1)}}, limit},
      {"invalidate-refresh-word", kWord, 2, 4, 1, 2, 1, 2, false, {Versioned(Set(1, 4), 5)},
       {{Refresh(1), Versioned(Publish(1, 1), 5)}, {Invalidate(1, 7), Read(1)}}, limit},
      {"invalidate-kept", kScan, 2, 5, 1, 2, 1, 2, false, {Versioned(Set(1, 4), 7)},
       {{Refresh(1), Versioned(Publish(1, 1), 8)}, {Invalidate(1, 7)}, {Versioned(Set(1, 2), kPending), Read(1)}}, limit},
      {"invalidate-lease", kScan, 2, 5, 1, 2, 1, 2, false, {},
       {{Acquire(1), Versioned(Publish(1, 1), 5)}, {Invalidate(1, 7)}, {Acquire(1), Versioned(Publish(1, 3), 7)}}, limit},
      {"invalidate-refresh", kScan, 2, 5, 1, 1, 0, 2, false, {Versioned(Set(1, 4), 5)},
       {{Refresh(1), Versioned(Publish(1, 1), 5)}, {Invalidate(1, 7)}, {Refresh(1), Versioned(Publish(1, 3), 7)}}, limit},
      {"invalidate-pending", kScan, 2, 5, 1, 2, 0, 2, false, {Versioned(Set(1, 4), kSettledMark)},
       {{Versioned(Set(1, 1), kPending)}, {Invalidate(1, 7), Read(1)}, {Refresh(1), Versioned(Publish(1, 3), 8)}}, limit},
      {"invalidate-delete-clear", kScan, 2, 4, 1, 2, 0, 2, false, {Versioned(Set(1, 4), 5)},
       {{Acquire(1), Versioned(Publish(1, 1), 5)}, {Invalidate(1, 7)}, {Clear(), Delete(1)}}, limit},
      {"invalidate-evict", kScan, 2, 5, 1, 2, 0, 2, true, {Versioned(Set(1, 4), 5)},
       {{Refresh(1), Versioned(Publish(1, 1), 5)}, {Invalidate(1, 7)}, {Reclaim()}}, limit},
      {"invalidate-run", kScan, 2, 5, 1, 2, 0, 2, false, {Versioned(Set(1, 1, 1), 5)},
       {{Invalidate(1, 7)}, {Versioned(Set(1, 2), 8)}, {Read(1), Janitor()}}, limit},
      // Runs.
      {"run-set-read", kWord, 2, 5, 1, 2, 0, 2, false, {Set(1, 1, 1)},
       {{Set(1, 2)}, {Read(1)}, {Janitor()}}, limit},
      {"run-publish", kWord, 2, 5, 1, 2, 0, 2, false, {},
       {{Set(1, 2, 1)}, {Set(1, 3)}, {Janitor()}}, limit},
      {"run-two-parts", kScan, 2, 5, 1, 2, 0, 2, false, {Set(1, 1, 2)},
       {{Set(1, 2)}, {Read(1)}, {Janitor(), Set(2, 3)}}, limit},
      {"run-freer-reuse", kScan, 2, 3, 2, 2, 0, 2, false, {Set(1, 1, 1)},
       {{Delete(1)}, {Janitor(), Set(2, 2), Set(2, 3)}, {Read(2)}}, limit},
      {"run-part-reuse", kWord, 2, 3, 2, 2, 0, 2, false, {Set(1, 1, 1)},
       {{Delete(1)}, {Janitor(), Set(2, 2)}, {Read(1)}}, limit},
      {"run-into-reclaimed", kWord, 2, 2, 2, 2, 0, 2, false, {Set(2, 2)},
       {{Reclaim()}, {Set(1, 1, 1)}, {Read(1)}}, limit},
      {"run-over-run", kScan, 2, 4, 1, 2, 0, 2, false, {Set(1, 1, 1)},
       {{Set(1, 2, 1)}, {Delete(1)}, {Janitor()}}, limit},
      {"run-relocate", kScan, 2, 5, 1, 2, 0, 2, true, {Set(1, 1, 1)},
       {{Reclaim()}, {Delete(1)}, {Read(1), Janitor()}}, limit},
      {"run-two-reclaimers", kScan, 2, 4, 1, 2, 0, 2, true, {Set(1, 1, 1)},
       {{Reclaim()}, {Reclaim(), Janitor()}, {Set(1, 2)}}, limit},
      {"run-head-reuse", kScan, 2, 3, 2, 2, 0, 2, false, {Set(2, 6), Set(1, 1, 1)},
       {{Reclaim(), Janitor(), Set(2, 5, 1)}, {Delete(1)}, {Read(2)}}, limit},
      {"run-lease-clear", kScan, 2, 6, 1, 2, 1, 2, false, {Set(1, 1, 1)},
       {{Acquire(1), Publish(1, 2, 1)}, {Clear()}, {Read(1), Janitor()}}, limit},
      {"run-refresh", kScan, 2, 6, 1, 2, 0, 2, false, {Set(1, 1, 1)},
       {{Refresh(1), Publish(1, 2, 1)}, {Set(1, 3)}, {Janitor()}}, limit},
  };
}

// The scenarios of a long run: more processes at the finest grain, longer scripts, two kills.
inline std::vector<Scenario> DeepScenarios(uint64_t limit) {
  constexpr Grain kWord = Grain::kWord, kScan = Grain::kScan;
  return {
      {"deep-set-delete-reuse", kWord, 2, 3, 1, 2, 0, 3, false, {},
       {{Set(1, 1), Set(2, 3)}, {Set(1, 2), Delete(1)}, {Read(1), Read(1)}}, limit},
      {"deep-relocate", kWord, 2, 4, 1, 2, 0, 2, true, {Set(1, 1)},
       {{Set(1, 2), Set(2, 3)}, {Reclaim(), Reclaim()}, {Delete(1), Read(1)}}, limit},
      {"deep-lease-set", kWord, 2, 5, 1, 2, 1, 2, false, {},
       {{Acquire(1), Publish(1, 1)}, {Set(1, 2)}, {Acquire(1), Publish(1, 3)}}, limit},
      {"deep-lease-delete", kWord, 2, 5, 1, 2, 1, 2, false, {},
       {{Acquire(1), Publish(1, 1)}, {Delete(1)}, {Acquire(1), Publish(1, 3)}}, limit},
      {"deep-victims", kScan, 2, 5, 1, 2, 1, 2, false, {Set(2, 5)},
       {{Acquire(1), Publish(1, 1)}, {Set(2, 2), Refresh(2)}, {Set(1, 3)}}, limit},
      {"deep-refresh-set", kScan, 3, 5, 1, 2, 1, 2, false, {Set(1, 4)},
       {{Refresh(1), Publish(1, 1)}, {Set(1, 2), Read(1)}, {Refresh(1), Publish(1, 3)}}, limit},
      {"deep-refresh-clear", kScan, 3, 5, 1, 2, 1, 2, false, {Set(1, 4)},
       {{Refresh(1), Publish(1, 1)}, {Clear(), Set(1, 2)}, {Acquire(1), Publish(1, 3)}}, limit},
      {"deep-refresh-evict", kScan, 3, 5, 1, 2, 1, 2, true, {Set(1, 4)},
       {{Refresh(1), Publish(1, 1)}, {Set(1, 2), Read(1)}, {Reclaim(), Reclaim()}}, limit},
      {"deep-run-over-run", kWord, 2, 4, 1, 2, 0, 2, false, {Set(1, 1, 1)},
       {{Set(1, 2, 1), Read(1)}, {Delete(1)}, {Janitor()}}, limit},
      {"deep-run-relocate", kWord, 2, 5, 1, 2, 0, 2, true, {Set(1, 1, 1)},
       {{Reclaim(), Reclaim()}, {Set(1, 2)}, {Read(1), Janitor()}}, limit},
      {"deep-run-refresh", kWord, 2, 6, 1, 2, 1, 2, false, {Set(1, 1, 2)},
       {{Refresh(1), Publish(1, 2, 1)}, {Set(1, 3), Read(1)}, {Janitor()}}, limit},
  };
}

inline std::vector<Scenario> Scenarios(bool deep) {
  std::vector<Scenario> all = CiScenarios(deep ? 50000000 : 6000000);
  if (!deep) return all;
  for (Scenario& scenario : all) scenario.crashes = 2;
  for (const Scenario& scenario : DeepScenarios(50000000)) all.push_back(scenario);
  return all;
}

struct PlantedBug {
  Bug bug;
  const char* name;
  std::vector<const char*> scenarios;
};

inline std::vector<PlantedBug> PlantedBugs() {
  return {
      {Bug::kNoGenerationBump, "a reclaimed segment keeps its generation",
       {"run-freer-reuse", "reuse-read"}},
      {Bug::kHelpWithoutRecheck, "a helper does not look at the intent again before it applies it",
       {"run-over-run", "lease-delete"}},
      {Bug::kNoSlotSequence, "slot words carry no sequence",
       {"set-delete-read", "set-delete-reuse"}},
      {Bug::kReclaimWithoutEvict, "a reclaimer does not clear the slots of the records it frees",
       {"set-reclaim-relocate", "run-into-reclaimed"}},
      {Bug::kIgnorePendingIntent, "a change does not help the pending one",
       {"lease-set", "lease-delete"}},
      {Bug::kNoMaxVersion, "the highest version of the bucket is not kept",
       {"lease-victims", "refresh-evict"}},
      {Bug::kReadSlotOnce, "a reader does not load the slot again after the generation",
       {"reuse-read", "run-freer-reuse"}},
      {Bug::kRelocateByKey, "relocation looks for the key instead of the location",
       {"run-two-reclaimers", "reclaim-takeover"}},
      {Bug::kEvictByKey, "eviction looks for the key instead of the location",
       {"lease-set-word", "lease-victims"}},
      {Bug::kSealBeforePublish, "a segment is sealed before its record is published",
       {"run-into-reclaimed", "lease-victims"}},
      {Bug::kPublishIgnoresGrantedOver, "publish ignores granted_over",
       {"refresh-evict", "run-refresh"}},
      {Bug::kPublishWhenValueGone, "publish ignores granted_over when no value is there",
       {"run-refresh", "refresh-evict"}},
      {Bug::kPublishIgnoresEpoch, "publish ignores the epoch of its lease",
       {"lease-clear-read"}},
      {Bug::kPublishAnyToken, "publish takes a lease with another token for its own",
       {"lease-takeover-word", "lease-set"}},
      {Bug::kDeleteOnlyValue, "delete leaves the lease",
       {"lease-delete", "refresh-delete"}},
      {Bug::kDeleteOneRound, "delete returns after one removal, without a scan that finds nothing",
       {"refresh-delete", "lease-delete"}},
      {Bug::kSetLeavesLease, "set of an absent value leaves the lease in its slot",
       {"lease-victims"}},
      {Bug::kGrantOverLive, "acquire replaces a live lease",
       {"lease-fail", "lease-takeover-word"}},
      {Bug::kGrantBesideDead, "acquire takes a new slot beside a lease that is not live",
       {"lease-fail", "lease-takeover-word"}},
      {Bug::kGrantIntoUnusable, "acquire takes an unusable value's slot beside a lease slot",
       {"refresh-clear"}},
      {Bug::kSetStampsEpochEarly, "set stamps the epoch before the scan",
       {"set-clear"}},
      {Bug::kReadEpochEarly, "a reader loads the epoch before the slot",
       {"lease-clear-read"}},
      {Bug::kDropAnyLease, "the clean-up of a set removes any lease",
       {"refresh-set"}},
      {Bug::kFreerTrustsSegment, "a freer asks for references, not for the generation it remembers",
       {"run-freer-reuse", "run-part-reuse"}},
      {Bug::kPartListAfterCommit, "a freer reads the part list after the commit",
       {"run-head-reuse"}},
      {Bug::kSettleUnchecked, "a janitor does not check whether a segment is referenced",
       {"run-freer-reuse", "run-part-reuse"}},
      {Bug::kReaderChecksHeadOnly, "a reader of a run checks only the generation of the head",
       {"run-part-reuse"}},
      {Bug::kPartsSealedEarly, "parts are sealed before the head is published",
       {"run-into-reclaimed", "run-lease-clear"}},
      {Bug::kReclaimTrustsQueue, "a reclaimer trusts the queue it saw before it owned the segment",
       {"run-into-reclaimed"}},
      {Bug::kJanitorSkipsDead, "a janitor leaves the segments of dead owners",
       {"lease-set", "lease-delete"}},
      {Bug::kJanitorSkipsSealed, "a janitor leaves sealed parts that nobody refers to",
       {"run-over-run", "run-lease-clear"}},
      {Bug::kCommitUnvalidated, "a commit does not compare the intent word with the scanned one",
       {"lease-delete", "refresh-delete"}},
      {Bug::kInvalidateLeavesLease, "an invalidation leaves the lease where there is no value",
       {"invalidate-lease-word", "invalidate-lease"}},
      {Bug::kInvalidateIgnoresVersion, "an invalidation removes whatever version is there",
       {"invalidate-kept", "invalidate-set-word"}},
      {Bug::kInvalidateIgnoresPending, "an invalidation removes what L2 has not answered yet",
       {"invalidate-pending", "invalidate-kept"}},
      {Bug::kInvalidateKeepsVerdict, "an invalidation decides once and removes what it finds on its next try",
       {"invalidate-set-word", "invalidate-pending"}},
      {Bug::kInvalidateDropsAnyLease, "the clean-up of an invalidation removes a lease granted after it",
       {"invalidate-refresh", "invalidate-lease"}},
  };
}

}  // namespace protocol

#endif  // STRATACACHE_TEST_NATIVE_PROTOCOL_SCENARIOS_H_
