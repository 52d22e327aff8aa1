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
inline Op Delete(int key) { return {OpKind::kDelete, static_cast<u8>(key)}; }
inline Op Acquire(int key) { return {OpKind::kAcquire, static_cast<u8>(key)}; }
inline Op Refresh(int key) { return {OpKind::kRefresh, static_cast<u8>(key)}; }
inline Op Fail(int key) { return {OpKind::kFail, static_cast<u8>(key)}; }
inline Op Abandon(int key) { return {OpKind::kAbandon, static_cast<u8>(key)}; }
inline Op Read(int key) { return {OpKind::kRead, static_cast<u8>(key)}; }
inline Op Clear() { return {OpKind::kClear}; }
inline Op Reclaim() { return {OpKind::kReclaim}; }
inline Op Janitor() { return {OpKind::kJanitor}; }

inline std::vector<Scenario> Scenarios(bool deep) {
  constexpr Grain kWord = Grain::kWord, kScan = Grain::kScan, kCommit = Grain::kCommit;
  const uint64_t limit = deep ? 100000000 : 8000000;
  const int kills = deep ? 2 : 1;
  (void)kScan;
  // name, grain, slots, segments, buckets, crashes, expiries, tries, relocate, setup, scripts
  std::vector<Scenario> all = {
      {"set-set-read", kWord, 1, 3, 1, kills, 0, 2, false, {}, {{Set(1, 1)}, {Set(1, 2)}, {Read(1)}}, limit},
      {"set-delete-reuse", kWord, 2, 2, 1, kills, 0, 2, false, {}, {{Set(1, 1), Set(2, 3)}, {Delete(1), Read(1)}}, limit},
      {"reuse-read", kWord, 2, 2, 1, kills, 0, 2, false, {}, {{Set(1, 1), Set(2, 2), Set(1, 3)}, {Read(1), Read(1)}}, limit},
      {"set-reclaim-relocate", kWord, 1, 3, 1, kills, 0, 2, true, {Set(1, 1)}, {{Set(1, 2)}, {Reclaim()}, {Read(1)}}, limit},
      {"lease-set", kCommit, 2, 5, 1, kills, 1, 2, false, {}, {{Acquire(1), Publish(1, 1)}, {Set(1, 2)}, {Acquire(1), Publish(1, 3)}}, limit},
      {"lease-delete", kCommit, 2, 5, 1, kills, 1, 2, false, {}, {{Acquire(1), Publish(1, 1)}, {Delete(1)}, {Acquire(1), Publish(1, 3)}}, limit},
      {"refresh-set", kCommit, 3, 5, 1, kills, 1, 2, false, {Set(1, 4)}, {{Refresh(1), Publish(1, 1)}, {Set(1, 2), Read(1)}, {Refresh(1), Publish(1, 3)}}, limit},
      {"refresh-delete", kCommit, 3, 5, 1, kills, 1, 2, false, {Set(1, 4)}, {{Refresh(1), Publish(1, 1)}, {Delete(1), Read(1)}, {Refresh(1), Fail(1)}}, limit},
      {"refresh-clear", kCommit, 3, 5, 1, kills, 1, 2, false, {Set(1, 4)}, {{Refresh(1), Publish(1, 1)}, {Clear(), Set(1, 2)}, {Acquire(1), Publish(1, 3)}}, limit},
      {"refresh-evict", kCommit, 3, 5, 1, kills, 1, 2, true, {Set(1, 4)}, {{Refresh(1), Publish(1, 1)}, {Set(1, 2)}, {Reclaim(), Reclaim()}}, limit},
      {"run-set-read", kCommit, 2, 5, 1, kills, 0, 2, false, {Set(1, 1, 1)}, {{Set(1, 2)}, {Read(1)}, {Janitor()}}, limit},
      {"run-publish", kCommit, 2, 5, 1, kills, 0, 2, false, {}, {{Set(1, 2, 1)}, {Set(1, 3)}, {Janitor()}}, limit},
      {"run-freer-reuse", kCommit, 2, 4, 2, kills, 0, 2, false, {Set(1, 1, 1)}, {{Delete(1)}, {Janitor(), Set(2, 2), Set(2, 3)}, {Read(2)}}, limit},
      {"run-relocate", kCommit, 2, 5, 1, kills, 0, 2, true, {Set(1, 1, 1)}, {{Reclaim()}, {Delete(1)}, {Read(1), Janitor()}}, limit},
  };
  return all;
}

struct PlantedBug {
  Bug bug;
  const char* name;
  std::vector<const char*> scenarios;
};

inline std::vector<PlantedBug> PlantedBugs() {
  return {
      {Bug::kNoGenerationBump, "kNoGenerationBump", {"set-set-read","set-delete-reuse","reuse-read","set-reclaim-relocate","run-set-read","run-publish","run-freer-reuse","run-relocate","lease-set","lease-delete","refresh-delete","refresh-clear","refresh-evict","refresh-set"}},
      {Bug::kHelpWithoutRecheck, "kHelpWithoutRecheck", {"set-set-read","set-delete-reuse","reuse-read","set-reclaim-relocate","run-set-read","run-publish","run-freer-reuse","run-relocate","lease-set","lease-delete","refresh-delete","refresh-clear","refresh-evict","refresh-set"}},
      {Bug::kNoSlotSequence, "kNoSlotSequence", {"set-set-read","set-delete-reuse","reuse-read","set-reclaim-relocate","run-set-read","run-publish","run-freer-reuse","run-relocate","lease-set","lease-delete","refresh-delete","refresh-clear","refresh-evict","refresh-set"}},
      {Bug::kReclaimWithoutEvict, "kReclaimWithoutEvict", {"set-set-read","set-delete-reuse","reuse-read","set-reclaim-relocate","run-set-read","run-publish","run-freer-reuse","run-relocate","lease-set","lease-delete","refresh-delete","refresh-clear","refresh-evict","refresh-set"}},
      {Bug::kIgnorePendingIntent, "kIgnorePendingIntent", {"set-set-read","set-delete-reuse","reuse-read","set-reclaim-relocate","run-set-read","run-publish","run-freer-reuse","run-relocate","lease-set","lease-delete","refresh-delete","refresh-clear","refresh-evict","refresh-set"}},
      {Bug::kNoMaxVersion, "kNoMaxVersion", {"set-set-read","set-delete-reuse","reuse-read","set-reclaim-relocate","run-set-read","run-publish","run-freer-reuse","run-relocate","lease-set","lease-delete","refresh-delete","refresh-clear","refresh-evict","refresh-set"}},
      {Bug::kReadSlotOnce, "kReadSlotOnce", {"set-set-read","set-delete-reuse","reuse-read","set-reclaim-relocate","run-set-read","run-publish","run-freer-reuse","run-relocate","lease-set","lease-delete","refresh-delete","refresh-clear","refresh-evict","refresh-set"}},
      {Bug::kRelocateByKey, "kRelocateByKey", {"set-set-read","set-delete-reuse","reuse-read","set-reclaim-relocate","run-set-read","run-publish","run-freer-reuse","run-relocate","lease-set","lease-delete","refresh-delete","refresh-clear","refresh-evict","refresh-set"}},
      {Bug::kEvictByKey, "kEvictByKey", {"set-set-read","set-delete-reuse","reuse-read","set-reclaim-relocate","run-set-read","run-publish","run-freer-reuse","run-relocate","lease-set","lease-delete","refresh-delete","refresh-clear","refresh-evict","refresh-set"}},
      {Bug::kSealBeforePublish, "kSealBeforePublish", {"set-set-read","set-delete-reuse","reuse-read","set-reclaim-relocate","run-set-read","run-publish","run-freer-reuse","run-relocate","lease-set","lease-delete","refresh-delete","refresh-clear","refresh-evict","refresh-set"}},
      {Bug::kPublishIgnoresGrantedOver, "kPublishIgnoresGrantedOver", {"set-set-read","set-delete-reuse","reuse-read","set-reclaim-relocate","run-set-read","run-publish","run-freer-reuse","run-relocate","lease-set","lease-delete","refresh-delete","refresh-clear","refresh-evict","refresh-set"}},
      {Bug::kPublishWhenValueGone, "kPublishWhenValueGone", {"set-set-read","set-delete-reuse","reuse-read","set-reclaim-relocate","run-set-read","run-publish","run-freer-reuse","run-relocate","lease-set","lease-delete","refresh-delete","refresh-clear","refresh-evict","refresh-set"}},
      {Bug::kPublishIgnoresEpoch, "kPublishIgnoresEpoch", {"set-set-read","set-delete-reuse","reuse-read","set-reclaim-relocate","run-set-read","run-publish","run-freer-reuse","run-relocate","lease-set","lease-delete","refresh-delete","refresh-clear","refresh-evict","refresh-set"}},
      {Bug::kPublishAnyToken, "kPublishAnyToken", {"set-set-read","set-delete-reuse","reuse-read","set-reclaim-relocate","run-set-read","run-publish","run-freer-reuse","run-relocate","lease-set","lease-delete","refresh-delete","refresh-clear","refresh-evict","refresh-set"}},
      {Bug::kDeleteOnlyValue, "kDeleteOnlyValue", {"set-set-read","set-delete-reuse","reuse-read","set-reclaim-relocate","run-set-read","run-publish","run-freer-reuse","run-relocate","lease-set","lease-delete","refresh-delete","refresh-clear","refresh-evict","refresh-set"}},
      {Bug::kDeleteOneRound, "kDeleteOneRound", {"set-set-read","set-delete-reuse","reuse-read","set-reclaim-relocate","run-set-read","run-publish","run-freer-reuse","run-relocate","lease-set","lease-delete","refresh-delete","refresh-clear","refresh-evict","refresh-set"}},
      {Bug::kSetLeavesLease, "kSetLeavesLease", {"set-set-read","set-delete-reuse","reuse-read","set-reclaim-relocate","run-set-read","run-publish","run-freer-reuse","run-relocate","lease-set","lease-delete","refresh-delete","refresh-clear","refresh-evict","refresh-set"}},
      {Bug::kGrantOverLive, "kGrantOverLive", {"set-set-read","set-delete-reuse","reuse-read","set-reclaim-relocate","run-set-read","run-publish","run-freer-reuse","run-relocate","lease-set","lease-delete","refresh-delete","refresh-clear","refresh-evict","refresh-set"}},
      {Bug::kGrantBesideDead, "kGrantBesideDead", {"set-set-read","set-delete-reuse","reuse-read","set-reclaim-relocate","run-set-read","run-publish","run-freer-reuse","run-relocate","lease-set","lease-delete","refresh-delete","refresh-clear","refresh-evict","refresh-set"}},
      {Bug::kGrantIntoUnusable, "kGrantIntoUnusable", {"set-set-read","set-delete-reuse","reuse-read","set-reclaim-relocate","run-set-read","run-publish","run-freer-reuse","run-relocate","lease-set","lease-delete","refresh-delete","refresh-clear","refresh-evict","refresh-set"}},
      {Bug::kSetStampsEpochEarly, "kSetStampsEpochEarly", {"set-set-read","set-delete-reuse","reuse-read","set-reclaim-relocate","run-set-read","run-publish","run-freer-reuse","run-relocate","lease-set","lease-delete","refresh-delete","refresh-clear","refresh-evict","refresh-set"}},
      {Bug::kReadEpochEarly, "kReadEpochEarly", {"set-set-read","set-delete-reuse","reuse-read","set-reclaim-relocate","run-set-read","run-publish","run-freer-reuse","run-relocate","lease-set","lease-delete","refresh-delete","refresh-clear","refresh-evict","refresh-set"}},
      {Bug::kDropAnyLease, "kDropAnyLease", {"set-set-read","set-delete-reuse","reuse-read","set-reclaim-relocate","run-set-read","run-publish","run-freer-reuse","run-relocate","lease-set","lease-delete","refresh-delete","refresh-clear","refresh-evict","refresh-set"}},
      {Bug::kFreerTrustsSegment, "kFreerTrustsSegment", {"set-set-read","set-delete-reuse","reuse-read","set-reclaim-relocate","run-set-read","run-publish","run-freer-reuse","run-relocate","lease-set","lease-delete","refresh-delete","refresh-clear","refresh-evict","refresh-set"}},
      {Bug::kPartListAfterCommit, "kPartListAfterCommit", {"set-set-read","set-delete-reuse","reuse-read","set-reclaim-relocate","run-set-read","run-publish","run-freer-reuse","run-relocate","lease-set","lease-delete","refresh-delete","refresh-clear","refresh-evict","refresh-set"}},
      {Bug::kSettleUnchecked, "kSettleUnchecked", {"set-set-read","set-delete-reuse","reuse-read","set-reclaim-relocate","run-set-read","run-publish","run-freer-reuse","run-relocate","lease-set","lease-delete","refresh-delete","refresh-clear","refresh-evict","refresh-set"}},
      {Bug::kReaderChecksHeadOnly, "kReaderChecksHeadOnly", {"set-set-read","set-delete-reuse","reuse-read","set-reclaim-relocate","run-set-read","run-publish","run-freer-reuse","run-relocate","lease-set","lease-delete","refresh-delete","refresh-clear","refresh-evict","refresh-set"}},
      {Bug::kPartsSealedEarly, "kPartsSealedEarly", {"set-set-read","set-delete-reuse","reuse-read","set-reclaim-relocate","run-set-read","run-publish","run-freer-reuse","run-relocate","lease-set","lease-delete","refresh-delete","refresh-clear","refresh-evict","refresh-set"}},
      {Bug::kReclaimTrustsQueue, "kReclaimTrustsQueue", {"set-set-read","set-delete-reuse","reuse-read","set-reclaim-relocate","run-set-read","run-publish","run-freer-reuse","run-relocate","lease-set","lease-delete","refresh-delete","refresh-clear","refresh-evict","refresh-set"}},
      {Bug::kJanitorSkipsDead, "kJanitorSkipsDead", {"set-set-read","set-delete-reuse","reuse-read","set-reclaim-relocate","run-set-read","run-publish","run-freer-reuse","run-relocate","lease-set","lease-delete","refresh-delete","refresh-clear","refresh-evict","refresh-set"}},
  };
}

}  // namespace protocol

#endif  // STRATACACHE_TEST_NATIVE_PROTOCOL_SCENARIOS_H_
