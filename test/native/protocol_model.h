// State of the bucket protocol model: shared words, the private state of every process, and the
// ghost state from which the checks are made. Everything is plain bytes, so that a state can be
// copied, compared and hashed as memory.
#ifndef STRATACACHE_TEST_NATIVE_PROTOCOL_MODEL_H_
#define STRATACACHE_TEST_NATIVE_PROTOCOL_MODEL_H_

#include <cstdint>
#include <cstring>
#include <vector>

namespace protocol {

using u8 = uint8_t;

constexpr int kMaxActors = 4;     // the last one runs the setup and the final janitor pass
constexpr int kMaxSegments = 7;   // a segment holds one record, so its number (from 1) is the loc
constexpr int kMaxSlots = 3;
constexpr int kMaxBuckets = 2;
constexpr int kMaxParts = 2;
constexpr int kMaxKeys = 3;       // key 0 is unused; key 2 lives in bucket 1 where there are two

enum SegmentState : u8 { kFree, kActive, kSealed, kReclaim };
enum Queue : u8 { kRecords, kRun };
enum IntentOp : u8 { kIdle, kPut, kRemove };
enum RecordType : u8 { kNoRecord, kValue, kLease, kError };

// In place of a fleet version: the mark of a write that L2 has not answered, or has.
constexpr u8 kPending = 100, kSettledMark = 101;

struct Record {
  u8 key, type, version, epoch;
  u8 granted_over, token;          // token: of a lease, or the one a value was published under
  u8 a, b;                         // two words of value bytes; a part of a run uses only a
  u8 parts, part[kMaxParts], part_gen[kMaxParts];
  u8 fleet;                        // of a value: its fleet version, or what kPending says
  u8 installs;                     // ghost: how often a slot was set to this record
};

struct Segment {
  u8 state, owner, gen, committed, queue, home;
  Record rec;
};

struct Intent {
  u8 seq, op, index, loc;
  bool operator==(const Intent&) const = default;
};

struct Slot {
  u8 loc, seq;
  bool operator==(const Slot&) const = default;
};

struct Bucket {
  Intent intent;
  u8 max_version;
  Slot slot[kMaxSlots];
};

// The points at which a process can stand. Each names the shared access that comes next.
#define PROTOCOL_POINTS(X)                                                                        \
  X(NextOp) X(Done)                                                                               \
  X(TakeSegment) X(DescribePart) X(WriteHeader) X(WriteA) X(WriteB) X(Seal) X(SealPart)           \
  X(Discard) X(Clear) X(JanitorLook)                                                              \
  X(Seize) X(Walk) X(CopyTake) X(CopyHeader) X(CopyA) X(CopyB) X(CopySeal) X(CopyUndo)            \
  X(ClearCommitted) X(BumpGeneration) X(Release) X(FreeSeize) X(Restore)                          \
  X(LoadIntent) X(ScanSlot) X(ScanRecord) X(LoadMaxVersion) X(Commit) X(Confirm)                  \
  X(HelpLoad) X(HelpVersion) X(HelpCheck) X(HelpMaxVersion) X(HelpSlot) X(HelpIdle)               \
  X(ReadSlot) X(ReadGeneration) X(ReadSlotAgain) X(ReadHeader) X(ReadA) X(ReadB) X(ReadPart)      \
  X(ReadCheck)
enum class At : u8 {
#define X(name) k##name,
  PROTOCOL_POINTS(X)
#undef X
};

// What a process does when a called routine is through.
enum class After : u8 { kOpEnd, kTakeSegment, kJanitorNext, kSecondChange, kSeal, kDeleteAgain,
                        kRetireVictim, kFreeNext };

// The decide functions of the bucket protocol.
enum class Change : u8 { kNone, kSet, kPublish, kGrant, kDropVoidLease, kDropToken, kFail, kDelete,
                         kInvalidate, kEvict, kRelocate, kIsReferenced };

struct BucketCall {
  Change change;
  u8 bucket, cursor, loc, target_op, target, target_loc;
  u8 second, lost, referenced, mine, version, early_epoch, kept;
  Intent intent;
  Slot old_slot, seen[kMaxSlots];
  Record record[kMaxSlots];
};

struct FreeCall {                  // segments of a removed run, with the generations it listed
  u8 count, next, seg[kMaxParts + 1], gen[kMaxParts + 1], bucket;
  After then;
};

struct ReclaimCall {
  u8 seg, expect_state, expect_owner, expect_queue, copy;
  After then;
};

struct ReadCall {
  u8 index, tries, loc, gen, epoch, part, mine, a, b, part_word[kMaxParts];
  Record header;
  u8 acceptable;                   // ghost: bit v = v was current during the call, bit 0 = none
};

struct Actor {
  At at;
  u8 op, dead;
  u8 seg, part[kMaxParts], parts;  // segments taken for the record of this operation
  u8 token, token_epoch, granted, grants;
  u8 retire;
  After retire_then;
  u8 janitor_next;
  u8 unused;                       // the record was given up before it was published
  u8 verdict;                      // of a planted bug: an invalidation that decided once
  u8 saw_absent;                   // ghost: neither value nor lease at some instant of the call
  BucketCall call;
  FreeCall free;
  ReclaimCall reclaim;
  ReadCall read;
};

struct State {
  Bucket bucket[kMaxBuckets];
  Segment segment[kMaxSegments + 1];
  u8 epoch, crashes, expiries;
  u8 expired;                      // bit t = the deadline of token t has passed
  u8 last_version[kMaxKeys];       // ghost, as are the two below
  u8 granted[kMaxKeys];            // bit t = token t was granted for the key
  u8 ended;                        // bit t = a set, delete or clear ended token t
  Actor actor[kMaxActors];
};

enum class OpKind : u8 { kSet, kDelete, kInvalidate, kClear, kAcquire, kRefresh, kPublish, kFail, kAbandon,
                         kRead, kReclaim, kJanitor };
struct Op {
  OpKind kind;
  u8 key = 0, value = 0, parts = 0;
  u8 fleet = 0;                    // of the value written; of an invalidation: the version it tells of
};

// How many shared accesses form one step. kWord: each is its own step. kScan: the scan that the
// commit validates is one step. kCommit: the scan with its commit is one step and applying the
// intent is one; what this leaves out is covered by the scenarios at kWord.
enum class Grain : u8 { kWord, kScan, kCommit };

enum class Bug : u8 {
  kNone, kNoGenerationBump, kHelpWithoutRecheck, kNoSlotSequence, kReclaimWithoutEvict,
  kIgnorePendingIntent, kNoMaxVersion, kReadSlotOnce, kRelocateByKey, kEvictByKey,
  kSealBeforePublish, kPublishIgnoresGrantedOver, kPublishWhenValueGone, kPublishIgnoresEpoch,
  kPublishAnyToken, kDeleteOnlyValue, kDeleteOneRound, kSetLeavesLease, kGrantOverLive,
  kGrantBesideDead, kGrantIntoUnusable, kSetStampsEpochEarly, kReadEpochEarly, kDropAnyLease,
  kFreerTrustsSegment, kPartListAfterCommit, kSettleUnchecked, kReaderChecksHeadOnly,
  kPartsSealedEarly, kReclaimTrustsQueue, kJanitorSkipsDead, kJanitorSkipsSealed,
  kCommitUnvalidated, kInvalidateLeavesLease, kInvalidateIgnoresVersion, kInvalidateIgnoresPending,
  kInvalidateKeepsVerdict, kInvalidateDropsAnyLease,
};

struct Scenario {
  const char* name;
  Grain grain;
  int slots, segments, buckets, crashes, expiries, tries;
  bool relocate;
  std::vector<Op> setup;
  std::vector<std::vector<Op>> script;
  uint64_t limit;                  // states after which the search stops as bounded
};

// One search: the scenario, the planted bug, and the first violation met.
struct Context {
  const Scenario* scenario = nullptr;
  Bug bug = Bug::kNone;
  const char* violation = nullptr;
  std::vector<State> forks;        // alternatives to the step being taken

  int Actors() const { return static_cast<int>(scenario->script.size()); }
  bool Has(Bug b) const { return bug == b; }
  bool Violate(const char* what) {
    if (violation == nullptr) violation = what;
    return false;
  }
  int BucketOf(int key) const { return scenario->buckets > 1 && key == 2 ? 1 : 0; }
  const std::vector<Op>& ScriptOf(int p) const {
    return p < Actors() ? scenario->script[p] : *extra_script;
  }
  const Op& OpOf(const State& s, int p) const { return ScriptOf(p)[s.actor[p].op]; }
  const std::vector<Op>* extra_script = nullptr;
};

// Two grants per process: tokens 1 and 2 belong to process 0, and so on.
inline int TokenOwner(int token) { return (token - 1) / 2; }

template <typename T>
void Reset(T& value) { std::memset(static_cast<void*>(&value), 0, sizeof value); }

}  // namespace protocol

#endif  // STRATACACHE_TEST_NATIVE_PROTOCOL_MODEL_H_
