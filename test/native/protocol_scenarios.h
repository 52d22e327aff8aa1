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

// Columns: name, grain, slots, segments, buckets, kills, deadlines that may pass, tries of a read,
// relocation; then the setup, run alone beforehand, and one script per process.
inline std::vector<Scenario> CiScenarios(uint64_t limit) {
  constexpr Grain kWord = Grain::kWord, kScan = Grain::kScan, kCommit = Grain::kCommit;
  return {
      // Values only: the bucket and the generations.
      {"set-set-read", kWord, 2, 3, 1, 1, 0, 2, false, {},
       {{Set(1, 1)}, {Set(1, 2)}, {Read(1)}}, limit},
      {"set-delete-read", kWord, 2, 3, 1, 1, 0, 2, false, {},
       {{Set(1, 1), Delete(1)}, {Set(1, 2)}, {Read(1)}}, limit},
      {"set-set-set", kWord, 2, 3, 1, 1, 0, 2, false, {},
       {{Set(1, 1)}, {Set(1, 2)}, {Set(2, 3), Read(1)}}, limit},
      {"set-delete-reuse", kWord, 2, 2, 1, 1, 0, 2, false, {},
       {{Set(1, 1), Set(2, 3)}, {Delete(1), Read(1)}}, limit},
      {"reuse-read", kWord, 2, 2, 1, 1, 0, 2, false, {},
       {{Set(1, 1), Set(2, 2), Set(1, 3)}, {Read(1), Read(1)}}, limit},
      {"set-reclaim-relocate", kWord, 1, 3, 1, 1, 0, 2, true, {Set(1, 1)},
       {{Set(1, 2)}, {Reclaim()}, {Read(1)}}, limit},
      {"reclaim-takeover", kWord, 1, 3, 1, 2, 0, 2, true, {Set(1, 1)},
       {{Reclaim()}, {Reclaim()}, {Delete(1), Read(1)}}, limit},
      {"set-clear", kWord, 2, 3, 1, 1, 0, 2, false, {},
       {{Set(1, 1)}, {Clear(), Set(1, 2)}, {Read(1)}}, limit},
      // Leases.
      {"lease-set-word", kWord, 2, 4, 1, 1, 1, 2, false, {},
       {{Acquire(1), Publish(1, 1)}, {Set(1, 2), Read(1)}}, limit},
      {"refresh-set-word", kWord, 2, 4, 1, 1, 1, 2, false, {Set(1, 4)},
       {{Refresh(1), Publish(1, 1)}, {Set(1, 2), Read(1)}}, limit},
      {"lease-takeover-word", kWord, 2, 4, 1, 1, 1, 2, false, {},
       {{Acquire(1), Publish(1, 1)}, {Acquire(1), Publish(1, 2)}}, limit},
      {"lease-clear-read", kWord, 2, 4, 1, 1, 0, 2, false, {},
       {{Acquire(1), Publish(1, 1)}, {Clear()}, {Read(1)}}, limit},
      {"lease-set", kScan, 2, 5, 1, 1, 1, 2, false, {},
       {{Acquire(1), Publish(1, 1)}, {Set(1, 2)}, {Acquire(1), Publish(1, 3)}}, limit},
      {"lease-delete", kScan, 2, 5, 1, 1, 1, 2, false, {},
       {{Acquire(1), Publish(1, 1)}, {Delete(1)}, {Acquire(1), Publish(1, 3)}}, limit},
      {"lease-fail", kScan, 2, 4, 1, 1, 1, 2, false, {},
       {{Acquire(1), Fail(1)}, {Acquire(1), Abandon(1)}, {Set(1, 2), Delete(1)}}, limit},
      {"lease-victims", kCommit, 2, 5, 1, 1, 0, 2, false, {Set(2, 5)},
       {{Acquire(1), Publish(1, 1)}, {Set(2, 2), Refresh(2)}, {Set(1, 3)}}, limit},
      {"refresh-set", kScan, 2, 5, 1, 1, 0, 2, false, {Set(1, 4)},
       {{Refresh(1), Publish(1, 1)}, {Set(1, 2)}, {Refresh(1), Publish(1, 3)}}, limit},
      {"refresh-delete", kScan, 3, 5, 1, 1, 1, 2, false, {Set(1, 4)},
       {{Refresh(1), Publish(1, 1)}, {Delete(1)}, {Refresh(1), Fail(1)}}, limit},
      {"refresh-clear", kScan, 2, 5, 1, 1, 0, 2, false, {Set(1, 4)},
       {{Refresh(1), Publish(1, 1)}, {Clear(), Set(1, 2)}, {Acquire(1), Publish(1, 3)}}, limit},
      {"refresh-evict", kScan, 2, 5, 1, 1, 0, 2, true, {Set(1, 4)},
       {{Refresh(1), Publish(1, 1)}, {Set(1, 2)}, {Reclaim()}}, limit},
      // Runs.
      {"run-set-read", kWord, 2, 5, 1, 1, 0, 2, false, {Set(1, 1, 1)},
       {{Set(1, 2)}, {Read(1)}, {Janitor()}}, limit},
      {"run-publish", kWord, 2, 5, 1, 1, 0, 2, false, {},
       {{Set(1, 2, 1)}, {Set(1, 3)}, {Janitor()}}, limit},
      {"run-two-parts", kScan, 2, 5, 1, 1, 0, 2, false, {Set(1, 1, 2)},
       {{Set(1, 2)}, {Read(1)}, {Janitor(), Set(2, 3)}}, limit},
      {"run-freer-reuse", kScan, 2, 3, 2, 1, 0, 2, false, {Set(1, 1, 1)},
       {{Delete(1)}, {Janitor(), Set(2, 2), Set(2, 3)}, {Read(2)}}, limit},
      {"run-part-reuse", kWord, 2, 3, 2, 1, 0, 2, false, {Set(1, 1, 1)},
       {{Delete(1)}, {Janitor(), Set(2, 2)}, {Read(1)}}, limit},
      {"run-into-reclaimed", kWord, 2, 2, 2, 1, 0, 2, false, {Set(2, 2)},
       {{Reclaim()}, {Set(1, 1, 1)}, {Read(1)}}, limit},
      {"run-over-run", kScan, 2, 4, 1, 1, 0, 2, false, {Set(1, 1, 1)},
       {{Set(1, 2, 1)}, {Delete(1)}, {Janitor()}}, limit},
      {"run-relocate", kScan, 2, 5, 1, 1, 0, 2, true, {Set(1, 1, 1)},
       {{Reclaim()}, {Delete(1)}, {Read(1), Janitor()}}, limit},
      {"run-two-reclaimers", kScan, 2, 4, 1, 1, 0, 2, true, {Set(1, 1, 1)},
       {{Reclaim()}, {Reclaim(), Janitor()}, {Set(1, 2)}}, limit},
      {"run-lease-clear", kScan, 2, 6, 1, 1, 1, 2, false, {Set(1, 1, 1)},
       {{Acquire(1), Publish(1, 2, 1)}, {Clear()}, {Read(1), Janitor()}}, limit},
      {"run-refresh", kScan, 2, 6, 1, 1, 0, 2, false, {Set(1, 1, 1)},
       {{Refresh(1), Publish(1, 2, 1)}, {Set(1, 3)}, {Janitor()}}, limit},
  };
}

inline std::vector<Scenario> Scenarios(bool deep) {
  std::vector<Scenario> all = CiScenarios(deep ? 60000000 : 6000000);
  return all;
}

struct PlantedBug {
  Bug bug;
  const char* name;
  std::vector<const char*> scenarios;
};

inline std::vector<PlantedBug> PlantedBugs() {
  return {
      {Bug::kNoGenerationBump, "kNoGenerationBump", {"set-set-read","set-delete-read","set-set-set","set-delete-reuse","reuse-read","set-reclaim-relocate","reclaim-takeover","set-clear","lease-set-word","refresh-set-word","lease-takeover-word","lease-clear-read","lease-set","lease-delete","lease-fail","lease-victims","refresh-set","refresh-delete","refresh-clear","refresh-evict","run-set-read","run-publish","run-two-parts","run-freer-reuse","run-part-reuse","run-into-reclaimed","run-over-run","run-relocate","run-two-reclaimers","run-lease-clear","run-refresh"}},
      {Bug::kHelpWithoutRecheck, "kHelpWithoutRecheck", {"set-set-read","set-delete-read","set-set-set","set-delete-reuse","reuse-read","set-reclaim-relocate","reclaim-takeover","set-clear","lease-set-word","refresh-set-word","lease-takeover-word","lease-clear-read","lease-set","lease-delete","lease-fail","lease-victims","refresh-set","refresh-delete","refresh-clear","refresh-evict","run-set-read","run-publish","run-two-parts","run-freer-reuse","run-part-reuse","run-into-reclaimed","run-over-run","run-relocate","run-two-reclaimers","run-lease-clear","run-refresh"}},
      {Bug::kNoSlotSequence, "kNoSlotSequence", {"set-set-read","set-delete-read","set-set-set","set-delete-reuse","reuse-read","set-reclaim-relocate","reclaim-takeover","set-clear","lease-set-word","refresh-set-word","lease-takeover-word","lease-clear-read","lease-set","lease-delete","lease-fail","lease-victims","refresh-set","refresh-delete","refresh-clear","refresh-evict","run-set-read","run-publish","run-two-parts","run-freer-reuse","run-part-reuse","run-into-reclaimed","run-over-run","run-relocate","run-two-reclaimers","run-lease-clear","run-refresh"}},
      {Bug::kReclaimWithoutEvict, "kReclaimWithoutEvict", {"set-set-read","set-delete-read","set-set-set","set-delete-reuse","reuse-read","set-reclaim-relocate","reclaim-takeover","set-clear","lease-set-word","refresh-set-word","lease-takeover-word","lease-clear-read","lease-set","lease-delete","lease-fail","lease-victims","refresh-set","refresh-delete","refresh-clear","refresh-evict","run-set-read","run-publish","run-two-parts","run-freer-reuse","run-part-reuse","run-into-reclaimed","run-over-run","run-relocate","run-two-reclaimers","run-lease-clear","run-refresh"}},
      {Bug::kIgnorePendingIntent, "kIgnorePendingIntent", {"set-set-read","set-delete-read","set-set-set","set-delete-reuse","reuse-read","set-reclaim-relocate","reclaim-takeover","set-clear","lease-set-word","refresh-set-word","lease-takeover-word","lease-clear-read","lease-set","lease-delete","lease-fail","lease-victims","refresh-set","refresh-delete","refresh-clear","refresh-evict","run-set-read","run-publish","run-two-parts","run-freer-reuse","run-part-reuse","run-into-reclaimed","run-over-run","run-relocate","run-two-reclaimers","run-lease-clear","run-refresh"}},
      {Bug::kNoMaxVersion, "kNoMaxVersion", {"set-set-read","set-delete-read","set-set-set","set-delete-reuse","reuse-read","set-reclaim-relocate","reclaim-takeover","set-clear","lease-set-word","refresh-set-word","lease-takeover-word","lease-clear-read","lease-set","lease-delete","lease-fail","lease-victims","refresh-set","refresh-delete","refresh-clear","refresh-evict","run-set-read","run-publish","run-two-parts","run-freer-reuse","run-part-reuse","run-into-reclaimed","run-over-run","run-relocate","run-two-reclaimers","run-lease-clear","run-refresh"}},
      {Bug::kReadSlotOnce, "kReadSlotOnce", {"set-set-read","set-delete-read","set-set-set","set-delete-reuse","reuse-read","set-reclaim-relocate","reclaim-takeover","set-clear","lease-set-word","refresh-set-word","lease-takeover-word","lease-clear-read","lease-set","lease-delete","lease-fail","lease-victims","refresh-set","refresh-delete","refresh-clear","refresh-evict","run-set-read","run-publish","run-two-parts","run-freer-reuse","run-part-reuse","run-into-reclaimed","run-over-run","run-relocate","run-two-reclaimers","run-lease-clear","run-refresh"}},
      {Bug::kRelocateByKey, "kRelocateByKey", {"set-set-read","set-delete-read","set-set-set","set-delete-reuse","reuse-read","set-reclaim-relocate","reclaim-takeover","set-clear","lease-set-word","refresh-set-word","lease-takeover-word","lease-clear-read","lease-set","lease-delete","lease-fail","lease-victims","refresh-set","refresh-delete","refresh-clear","refresh-evict","run-set-read","run-publish","run-two-parts","run-freer-reuse","run-part-reuse","run-into-reclaimed","run-over-run","run-relocate","run-two-reclaimers","run-lease-clear","run-refresh"}},
      {Bug::kEvictByKey, "kEvictByKey", {"set-set-read","set-delete-read","set-set-set","set-delete-reuse","reuse-read","set-reclaim-relocate","reclaim-takeover","set-clear","lease-set-word","refresh-set-word","lease-takeover-word","lease-clear-read","lease-set","lease-delete","lease-fail","lease-victims","refresh-set","refresh-delete","refresh-clear","refresh-evict","run-set-read","run-publish","run-two-parts","run-freer-reuse","run-part-reuse","run-into-reclaimed","run-over-run","run-relocate","run-two-reclaimers","run-lease-clear","run-refresh"}},
      {Bug::kSealBeforePublish, "kSealBeforePublish", {"set-set-read","set-delete-read","set-set-set","set-delete-reuse","reuse-read","set-reclaim-relocate","reclaim-takeover","set-clear","lease-set-word","refresh-set-word","lease-takeover-word","lease-clear-read","lease-set","lease-delete","lease-fail","lease-victims","refresh-set","refresh-delete","refresh-clear","refresh-evict","run-set-read","run-publish","run-two-parts","run-freer-reuse","run-part-reuse","run-into-reclaimed","run-over-run","run-relocate","run-two-reclaimers","run-lease-clear","run-refresh"}},
      {Bug::kPublishIgnoresGrantedOver, "kPublishIgnoresGrantedOver", {"set-set-read","set-delete-read","set-set-set","set-delete-reuse","reuse-read","set-reclaim-relocate","reclaim-takeover","set-clear","lease-set-word","refresh-set-word","lease-takeover-word","lease-clear-read","lease-set","lease-delete","lease-fail","lease-victims","refresh-set","refresh-delete","refresh-clear","refresh-evict","run-set-read","run-publish","run-two-parts","run-freer-reuse","run-part-reuse","run-into-reclaimed","run-over-run","run-relocate","run-two-reclaimers","run-lease-clear","run-refresh"}},
      {Bug::kPublishWhenValueGone, "kPublishWhenValueGone", {"set-set-read","set-delete-read","set-set-set","set-delete-reuse","reuse-read","set-reclaim-relocate","reclaim-takeover","set-clear","lease-set-word","refresh-set-word","lease-takeover-word","lease-clear-read","lease-set","lease-delete","lease-fail","lease-victims","refresh-set","refresh-delete","refresh-clear","refresh-evict","run-set-read","run-publish","run-two-parts","run-freer-reuse","run-part-reuse","run-into-reclaimed","run-over-run","run-relocate","run-two-reclaimers","run-lease-clear","run-refresh"}},
      {Bug::kPublishIgnoresEpoch, "kPublishIgnoresEpoch", {"set-set-read","set-delete-read","set-set-set","set-delete-reuse","reuse-read","set-reclaim-relocate","reclaim-takeover","set-clear","lease-set-word","refresh-set-word","lease-takeover-word","lease-clear-read","lease-set","lease-delete","lease-fail","lease-victims","refresh-set","refresh-delete","refresh-clear","refresh-evict","run-set-read","run-publish","run-two-parts","run-freer-reuse","run-part-reuse","run-into-reclaimed","run-over-run","run-relocate","run-two-reclaimers","run-lease-clear","run-refresh"}},
      {Bug::kPublishAnyToken, "kPublishAnyToken", {"set-set-read","set-delete-read","set-set-set","set-delete-reuse","reuse-read","set-reclaim-relocate","reclaim-takeover","set-clear","lease-set-word","refresh-set-word","lease-takeover-word","lease-clear-read","lease-set","lease-delete","lease-fail","lease-victims","refresh-set","refresh-delete","refresh-clear","refresh-evict","run-set-read","run-publish","run-two-parts","run-freer-reuse","run-part-reuse","run-into-reclaimed","run-over-run","run-relocate","run-two-reclaimers","run-lease-clear","run-refresh"}},
      {Bug::kDeleteOnlyValue, "kDeleteOnlyValue", {"set-set-read","set-delete-read","set-set-set","set-delete-reuse","reuse-read","set-reclaim-relocate","reclaim-takeover","set-clear","lease-set-word","refresh-set-word","lease-takeover-word","lease-clear-read","lease-set","lease-delete","lease-fail","lease-victims","refresh-set","refresh-delete","refresh-clear","refresh-evict","run-set-read","run-publish","run-two-parts","run-freer-reuse","run-part-reuse","run-into-reclaimed","run-over-run","run-relocate","run-two-reclaimers","run-lease-clear","run-refresh"}},
      {Bug::kDeleteOneRound, "kDeleteOneRound", {"set-set-read","set-delete-read","set-set-set","set-delete-reuse","reuse-read","set-reclaim-relocate","reclaim-takeover","set-clear","lease-set-word","refresh-set-word","lease-takeover-word","lease-clear-read","lease-set","lease-delete","lease-fail","lease-victims","refresh-set","refresh-delete","refresh-clear","refresh-evict","run-set-read","run-publish","run-two-parts","run-freer-reuse","run-part-reuse","run-into-reclaimed","run-over-run","run-relocate","run-two-reclaimers","run-lease-clear","run-refresh"}},
      {Bug::kSetLeavesLease, "kSetLeavesLease", {"set-set-read","set-delete-read","set-set-set","set-delete-reuse","reuse-read","set-reclaim-relocate","reclaim-takeover","set-clear","lease-set-word","refresh-set-word","lease-takeover-word","lease-clear-read","lease-set","lease-delete","lease-fail","lease-victims","refresh-set","refresh-delete","refresh-clear","refresh-evict","run-set-read","run-publish","run-two-parts","run-freer-reuse","run-part-reuse","run-into-reclaimed","run-over-run","run-relocate","run-two-reclaimers","run-lease-clear","run-refresh"}},
      {Bug::kGrantOverLive, "kGrantOverLive", {"set-set-read","set-delete-read","set-set-set","set-delete-reuse","reuse-read","set-reclaim-relocate","reclaim-takeover","set-clear","lease-set-word","refresh-set-word","lease-takeover-word","lease-clear-read","lease-set","lease-delete","lease-fail","lease-victims","refresh-set","refresh-delete","refresh-clear","refresh-evict","run-set-read","run-publish","run-two-parts","run-freer-reuse","run-part-reuse","run-into-reclaimed","run-over-run","run-relocate","run-two-reclaimers","run-lease-clear","run-refresh"}},
      {Bug::kGrantBesideDead, "kGrantBesideDead", {"set-set-read","set-delete-read","set-set-set","set-delete-reuse","reuse-read","set-reclaim-relocate","reclaim-takeover","set-clear","lease-set-word","refresh-set-word","lease-takeover-word","lease-clear-read","lease-set","lease-delete","lease-fail","lease-victims","refresh-set","refresh-delete","refresh-clear","refresh-evict","run-set-read","run-publish","run-two-parts","run-freer-reuse","run-part-reuse","run-into-reclaimed","run-over-run","run-relocate","run-two-reclaimers","run-lease-clear","run-refresh"}},
      {Bug::kGrantIntoUnusable, "kGrantIntoUnusable", {"set-set-read","set-delete-read","set-set-set","set-delete-reuse","reuse-read","set-reclaim-relocate","reclaim-takeover","set-clear","lease-set-word","refresh-set-word","lease-takeover-word","lease-clear-read","lease-set","lease-delete","lease-fail","lease-victims","refresh-set","refresh-delete","refresh-clear","refresh-evict","run-set-read","run-publish","run-two-parts","run-freer-reuse","run-part-reuse","run-into-reclaimed","run-over-run","run-relocate","run-two-reclaimers","run-lease-clear","run-refresh"}},
      {Bug::kSetStampsEpochEarly, "kSetStampsEpochEarly", {"set-set-read","set-delete-read","set-set-set","set-delete-reuse","reuse-read","set-reclaim-relocate","reclaim-takeover","set-clear","lease-set-word","refresh-set-word","lease-takeover-word","lease-clear-read","lease-set","lease-delete","lease-fail","lease-victims","refresh-set","refresh-delete","refresh-clear","refresh-evict","run-set-read","run-publish","run-two-parts","run-freer-reuse","run-part-reuse","run-into-reclaimed","run-over-run","run-relocate","run-two-reclaimers","run-lease-clear","run-refresh"}},
      {Bug::kReadEpochEarly, "kReadEpochEarly", {"set-set-read","set-delete-read","set-set-set","set-delete-reuse","reuse-read","set-reclaim-relocate","reclaim-takeover","set-clear","lease-set-word","refresh-set-word","lease-takeover-word","lease-clear-read","lease-set","lease-delete","lease-fail","lease-victims","refresh-set","refresh-delete","refresh-clear","refresh-evict","run-set-read","run-publish","run-two-parts","run-freer-reuse","run-part-reuse","run-into-reclaimed","run-over-run","run-relocate","run-two-reclaimers","run-lease-clear","run-refresh"}},
      {Bug::kDropAnyLease, "kDropAnyLease", {"set-set-read","set-delete-read","set-set-set","set-delete-reuse","reuse-read","set-reclaim-relocate","reclaim-takeover","set-clear","lease-set-word","refresh-set-word","lease-takeover-word","lease-clear-read","lease-set","lease-delete","lease-fail","lease-victims","refresh-set","refresh-delete","refresh-clear","refresh-evict","run-set-read","run-publish","run-two-parts","run-freer-reuse","run-part-reuse","run-into-reclaimed","run-over-run","run-relocate","run-two-reclaimers","run-lease-clear","run-refresh"}},
      {Bug::kFreerTrustsSegment, "kFreerTrustsSegment", {"set-set-read","set-delete-read","set-set-set","set-delete-reuse","reuse-read","set-reclaim-relocate","reclaim-takeover","set-clear","lease-set-word","refresh-set-word","lease-takeover-word","lease-clear-read","lease-set","lease-delete","lease-fail","lease-victims","refresh-set","refresh-delete","refresh-clear","refresh-evict","run-set-read","run-publish","run-two-parts","run-freer-reuse","run-part-reuse","run-into-reclaimed","run-over-run","run-relocate","run-two-reclaimers","run-lease-clear","run-refresh"}},
      {Bug::kPartListAfterCommit, "kPartListAfterCommit", {"set-set-read","set-delete-read","set-set-set","set-delete-reuse","reuse-read","set-reclaim-relocate","reclaim-takeover","set-clear","lease-set-word","refresh-set-word","lease-takeover-word","lease-clear-read","lease-set","lease-delete","lease-fail","lease-victims","refresh-set","refresh-delete","refresh-clear","refresh-evict","run-set-read","run-publish","run-two-parts","run-freer-reuse","run-part-reuse","run-into-reclaimed","run-over-run","run-relocate","run-two-reclaimers","run-lease-clear","run-refresh"}},
      {Bug::kSettleUnchecked, "kSettleUnchecked", {"set-set-read","set-delete-read","set-set-set","set-delete-reuse","reuse-read","set-reclaim-relocate","reclaim-takeover","set-clear","lease-set-word","refresh-set-word","lease-takeover-word","lease-clear-read","lease-set","lease-delete","lease-fail","lease-victims","refresh-set","refresh-delete","refresh-clear","refresh-evict","run-set-read","run-publish","run-two-parts","run-freer-reuse","run-part-reuse","run-into-reclaimed","run-over-run","run-relocate","run-two-reclaimers","run-lease-clear","run-refresh"}},
      {Bug::kReaderChecksHeadOnly, "kReaderChecksHeadOnly", {"set-set-read","set-delete-read","set-set-set","set-delete-reuse","reuse-read","set-reclaim-relocate","reclaim-takeover","set-clear","lease-set-word","refresh-set-word","lease-takeover-word","lease-clear-read","lease-set","lease-delete","lease-fail","lease-victims","refresh-set","refresh-delete","refresh-clear","refresh-evict","run-set-read","run-publish","run-two-parts","run-freer-reuse","run-part-reuse","run-into-reclaimed","run-over-run","run-relocate","run-two-reclaimers","run-lease-clear","run-refresh"}},
      {Bug::kPartsSealedEarly, "kPartsSealedEarly", {"set-set-read","set-delete-read","set-set-set","set-delete-reuse","reuse-read","set-reclaim-relocate","reclaim-takeover","set-clear","lease-set-word","refresh-set-word","lease-takeover-word","lease-clear-read","lease-set","lease-delete","lease-fail","lease-victims","refresh-set","refresh-delete","refresh-clear","refresh-evict","run-set-read","run-publish","run-two-parts","run-freer-reuse","run-part-reuse","run-into-reclaimed","run-over-run","run-relocate","run-two-reclaimers","run-lease-clear","run-refresh"}},
      {Bug::kReclaimTrustsQueue, "kReclaimTrustsQueue", {"set-set-read","set-delete-read","set-set-set","set-delete-reuse","reuse-read","set-reclaim-relocate","reclaim-takeover","set-clear","lease-set-word","refresh-set-word","lease-takeover-word","lease-clear-read","lease-set","lease-delete","lease-fail","lease-victims","refresh-set","refresh-delete","refresh-clear","refresh-evict","run-set-read","run-publish","run-two-parts","run-freer-reuse","run-part-reuse","run-into-reclaimed","run-over-run","run-relocate","run-two-reclaimers","run-lease-clear","run-refresh"}},
      {Bug::kJanitorSkipsDead, "kJanitorSkipsDead", {"set-set-read","set-delete-read","set-set-set","set-delete-reuse","reuse-read","set-reclaim-relocate","reclaim-takeover","set-clear","lease-set-word","refresh-set-word","lease-takeover-word","lease-clear-read","lease-set","lease-delete","lease-fail","lease-victims","refresh-set","refresh-delete","refresh-clear","refresh-evict","run-set-read","run-publish","run-two-parts","run-freer-reuse","run-part-reuse","run-into-reclaimed","run-over-run","run-relocate","run-two-reclaimers","run-lease-clear","run-refresh"}},
      {Bug::kJanitorSkipsSealed, "kJanitorSkipsSealed", {"set-set-read","set-delete-read","set-set-set","set-delete-reuse","reuse-read","set-reclaim-relocate","reclaim-takeover","set-clear","lease-set-word","refresh-set-word","lease-takeover-word","lease-clear-read","lease-set","lease-delete","lease-fail","lease-victims","refresh-set","refresh-delete","refresh-clear","refresh-evict","run-set-read","run-publish","run-two-parts","run-freer-reuse","run-part-reuse","run-into-reclaimed","run-over-run","run-relocate","run-two-reclaimers","run-lease-clear","run-refresh"}},
      {Bug::kCommitUnvalidated, "kCommitUnvalidated", {"set-set-read","set-delete-read","set-set-set","set-delete-reuse","reuse-read","set-reclaim-relocate","reclaim-takeover","set-clear","lease-set-word","refresh-set-word","lease-takeover-word","lease-clear-read","lease-set","lease-delete","lease-fail","lease-victims","refresh-set","refresh-delete","refresh-clear","refresh-evict","run-set-read","run-publish","run-two-parts","run-freer-reuse","run-part-reuse","run-into-reclaimed","run-over-run","run-relocate","run-two-reclaimers","run-lease-clear","run-refresh"}},
  };
}

}  // namespace protocol

#endif  // STRATACACHE_TEST_NATIVE_PROTOCOL_SCENARIOS_H_
