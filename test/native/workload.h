// Random work on one region by many threads and processes, with values that prove themselves.
//
// Loaded keys are tied to L2: the counter of `source` is their fleet version, and invalidations come with the counter
// they stand for. Doubt is raised now and then.
//
// Three rules are checked on every read. A value is whole and belongs to its key. Nothing older than what a finished
// operation established is seen again: `floor`. A load never brings back what an invalidation that finished before
// the read began had removed: the loaded counter of `source` is at least the floor.
#pragma once

#include <string>

#include "table/read.h"

namespace strata::test {

struct KeyFloor {
  Atomic<uint64_t> floor;   // plain keys: 2 * version, odd once that was deleted; loaded keys: a counter of `source`
  Atomic<uint64_t> source;  // the data base behind a loaded key
};

inline constexpr uint32_t kHotKeys = 48, kPlainKeys = 6000, kLoadedKeys = 48, kNames = 24;

// Lies in memory shared by all processes of a test, outside the region.
struct Shared {
  Atomic<uint32_t> has_failed;
  Atomic<uint32_t> stop;
  Atomic<uint32_t> pause;     // futex: odd = workers wait between two operations
  Atomic<uint32_t> paused;    // how many wait
  Atomic<uint64_t> checked;   // operations whose result was checked
  Atomic<uint64_t> no_room, hits, loads, lost;
  Atomic<uint32_t> name_ids[kNames];
  char message[512];
  KeyFloor plain[kPlainKeys];
  KeyFloor loaded[kLoadedKeys];

  static Shared* Create();   // anonymous shared memory; lives until Destroy
  static void Destroy(Shared* shared);
  void Fail(const std::string& what);  // the first message stays
};

enum class Work { kSets, kRuns, kLeases, kReclaim, kRegister, kNaming, kMixed };

class Worker {
 public:
  // `id` of `workers`: loaded keys that are set are set by one worker only.
  Worker(Table& table, ThreadContext& context, Shared& shared, uint64_t seed, uint32_t id, uint32_t workers);

  void Step(Work work);  // one random operation, checked
  uint64_t steps() const { return steps_; }
  void Flush();  // adds this worker's counts to the shared ones

 private:
  uint64_t Random() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_;
  }
  uint32_t Below(uint32_t n) { return static_cast<uint32_t>((Random() >> 32) * n >> 32); }
  uint32_t PickKey() { return Below(4) != 0 ? Below(kHotKeys) : Below(kPlainKeys); }
  uint32_t PickLength(bool may_be_run);
  Key PlainKey(uint32_t i);
  Key LoadedKey(uint32_t i);
  void Expect(bool holds, const char* what, uint32_t key, uint64_t got, uint64_t floor);

  void Fill(uint32_t key, uint64_t counter, uint32_t length);
  bool IsWhole(uint32_t key, uint32_t length, uint64_t* counter) const;
  Status Get(const Key& key, uint32_t identity, uint32_t flags, uint64_t* counter, Hit* hit);

  void PlainRead(uint32_t i);
  void PlainWrite(uint32_t i, uint32_t length);
  void PlainRemove(uint32_t i);
  void PlainCompareAndSet(uint32_t i);
  void PlainTouch(uint32_t i);
  void PlainRevalidate(uint32_t i);
  void ReadPlainOrWrite(bool runs);
  void LoadedRead(uint32_t i);
  void LoadedLoad(uint32_t i);
  void LoadedChange(uint32_t i);
  void LoadedRevalidate(uint32_t i);
  void ComeAndGo();
  void NameOne();

  Table& table_;
  ThreadContext* context_;
  Shared& shared_;
  uint64_t state_;
  uint32_t id_, workers_;
  uint32_t segment_bytes_;
  uint32_t cleared_ns_ = 0, bounded_ns_ = 0;
  uint64_t steps_ = 0, hits_ = 0, loads_ = 0, lost_ = 0, no_room_ = 0;
  std::vector<uint64_t> words_;
  std::vector<Hit> remembered_;  // of the hot keys, as a reader's own cache would keep them
  uint8_t key_bytes_[kMaxKeyBytes];
};

// Raises `floor` to at least `to`.
void Raise(Atomic<uint64_t>& floor, uint64_t to);

// Stops all workers between two operations, and lets them go on.
bool PauseWorkers(Shared& shared, uint32_t workers, uint32_t deadline_ms);
void ResumeWorkers(Shared& shared);
// To be called by a worker between operations.
void WaitWhilePaused(Shared& shared);

}  // namespace strata::test
