// The shared table: what a thread may do with the region.
//
// Every function takes the calling thread's context and may run at the same time in any number of threads of
// any number of processes. None takes a lock or waits for another participant: reads are wait-free (four tries,
// then a miss), index changes are lock-free (committed by one CAS, finished by anybody). Protocol and orderings:
// docs/concurrency.md.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "base/kill_point.h"
#include "base/status.h"
#include "shm/clock.h"
#include "shm/region.h"
#include "table/types.h"

namespace strata {

class Table {
 public:
  explicit Table(Region* region);

  Region& region() { return *region_; }
  const Geometry& geometry() const { return g_; }

  // ---- threads (threads.cc)
  // Takes a thread slot. kThreadLimit if all are held by the living.
  Status Register(ThreadContext& t);
  // Seals what the thread wrote to and gives the slot back.
  void Unregister(ThreadContext& t);
  // Repairs what dead threads left: proven by their file lock. Returns how many.
  uint32_t ReapDead(ThreadContext& t);
  bool IsAlive(ThreadContext& t, uint32_t slot, uint32_t incarnation);

  // ---- reading (read.h)
  Key MakeKey(uint32_t ns, const uint8_t* bytes, uint32_t size) const {
    return {bytes, size, ns, HashKey(seed_, ns, bytes, size)};
  }
  uint64_t NowMs(const ThreadContext& t) const {
    return CoarseMs() - start_ms_ + static_cast<uint64_t>(t.clock_offset_ms);
  }
  // For leases, whose deadlines callers time with precise clocks.
  uint64_t PreciseNowMs(const ThreadContext& t) const {
    return PreciseNs() / 1000000 - start_ms_ + static_cast<uint64_t>(t.clock_offset_ms);
  }
  // The next version of a record is above it. Versions begin at the wall clock of the region's creation and keep up with the
  // time since, in microseconds, so that a version tells when its record was written: a bucket with more than a write per
  // microsecond is ahead for a while. Records that were written with a version of the caller's tell nothing.
  uint64_t VersionFloor(const ThreadContext& t) const { return version_base_ + NowMs(t) * 1000; }
  uint64_t AgeMs(uint64_t version, uint64_t now_ms) const {
    const uint64_t written_ms = version > version_base_ ? (version - version_base_) / 1000 : 0;
    return now_ms > written_ms ? now_ms - written_ms : 0;
  }
  void Prefetch(const Key& key) const {
    const Bucket* bucket = &buckets_[HashRange(key.hash, g_.bucket_count)];
    __builtin_prefetch(bucket);
    __builtin_prefetch(reinterpret_cast<const uint8_t*>(bucket) + 64);
  }
  // The first lines of a record: more are fetched by the processor itself once their reading has begun.
  static void PrefetchLines(const void* record) {
    for (uint32_t line = 0; line < kPrefetchedLines; line++) __builtin_prefetch(static_cast<const uint8_t*>(record) + line * kLine);
  }
  static constexpr uint32_t kPrefetchedLines = 4;
  // Fetches the record of the first slot with the key's tag; call after the bucket's line has come.
  void PrefetchRecord(const Key& key) const {
    for (const auto& slot : buckets_[HashRange(key.hash, g_.bucket_count)].slots) {
      SlotWord word{slot.load(kRelaxed)};  // a hint: nothing is decided on it
      RecordPlace place;
      if (word.tag() != HashTag(key.hash) || !Locate(word.location(), &place)) continue;
      return PrefetchLines(place.header);
    }
  }
  template <class Consume>
  Status Read(ThreadContext& t, const Key& key, uint32_t flags, Consume consume);
  // Copies a hit's value to `to` (header.value_bytes bytes). False if a run changed meanwhile.
  bool CopyValue(const Hit& hit, uint8_t* to) const;
  // True if the slot still holds the location and its segment the generation: the record is the one seen.
  bool IsCurrent(uint32_t slot_id, uint32_t location, uint32_t generation) const;
  // IsCurrent, and if so feeds the frequency, as a read of the record would have done.
  bool Revalidate(uint32_t slot_id, uint32_t location, uint32_t generation);

  // ---- writing (write.cc)
  // `options` must be those of the commit as far as the fleet and the tag block go.
  bool BeginWrite(ThreadContext& t, const Key& key, uint32_t payload_capacity, const WriteOptions& options,
                  PendingWrite* write);
  Status CommitWrite(ThreadContext& t, const Key& key, PendingWrite& write, uint32_t payload_bytes,
                     const WriteOptions& options, uint64_t* version);
  // What a write that found no room owes: the key must miss from here on, not show an older value.
  void DropKey(ThreadContext& t, const Key& key);
  // Stores `bytes` under `key`, as a run when it is large. kOk, kConflict, kLeaseLost, kNoRoom, kTooLarge.
  Status Write(ThreadContext& t, const Key& key, const uint8_t* value, uint32_t bytes, const WriteOptions& options,
               uint64_t* version);
  // Removes value and lease. kOk if a usable value was there, else kMiss.
  // `version`: the highest the key can have had, below every one it will have.
  Status Delete(ThreadContext& t, const Key& key, uint64_t* version = nullptr);
  // Removes value and lease if the value is usable and has that version; else kConflict.
  Status Take(ThreadContext& t, const Key& key, uint64_t version);
  // Gives a present value new lives; kMiss if there is none. The version stays, a load under way may publish.
  Status Touch(ThreadContext& t, const Key& key, uint64_t soft_ms, uint64_t hard_ms);
  // Ends the soft life now and keeps the grace. Ends loads that began before, as they may have read what is outdated.
  Status Expire(ThreadContext& t, const Key& key);
  // ---- the fleet (fleet.cc)
  // `key` came to fleet version `version` elsewhere: removes the value and ends the lease, unless the value is as new,
  // or pending by a mark that is not `settled` (asked any number of times). Ends the lease where there is no value too.
  Invalidated Invalidate(ThreadContext& t, const Key& key, uint64_t version,
                         const std::function<bool(uint64_t mark)>& settled);
  // The value of fleet version `version` is right as of `doubt`: stamps it so, and gives it `lives` if there are any.
  // Keeps the version; a load under way may publish. kMiss if that value is not there.
  Status Revalidated(ThreadContext& t, const Key& key, uint64_t version, uint32_t doubt, const Lives* lives);
  // What was filled under an earlier doubt may be outdated in the fleet.
  uint32_t Doubt() const { return region_->header().doubt.load(kAcquire); }  // SYNC(doubt)
  uint32_t RaiseDoubt();

  // ---- copies on a disk (copies.cc)
  // From now on changes of keys, in all processes, take holds. Never taken back in the region's life.
  void UseDisk();
  // A change that nobody is told of who keeps copies.
  void LoseTrack() { region_->header().has_disk.store(kDiskPartly, kRelaxed); }
  uint32_t DiskState() const { return region_->header().has_disk.load(kRelaxed); }
  bool HasDisk() const { return region_->header().has_disk.load(kRelaxed) != 0; }
  // The copies of the key, and of its neighbours by hash, may be outdated until the hold is released. Holds add up.
  void Hold(const Key& key);
  void Release(const Key& key);
  bool IsHeld(const Key& key) const;
  // Brackets the reading of entries for a write of copies, and the write. What has changed before IsSpilling said no is
  // read by no write that it did not see; such a write, once ended, is complete on the disk.
  void BeginSpill(uint32_t name);
  void EndSpill(uint32_t name);
  bool IsSpilling() const;
  // How often the entry of a read that is not yet over was used, 0 to 3.
  uint32_t FrequencyAt(uint32_t slot_id) const { return FrequencyOf(buckets_[slot_id / kSlotsPerBucket], static_cast<int>(slot_id % kSlotsPerBucket)); }

  uint32_t max_inline_record() const { return segment_bytes_ / 2; }
  uint32_t max_value_bytes() const;

  // ---- leases (lease.cc)
  // kOk: granted; `failures` is how many loads of the key failed in a row before, as far as that is remembered.
  // kLeaseBusy. kMiss with `fresh` set: a fresh value is there. kFlightFailed: `error` holds the bytes of the awaited
  // flight, or with `heeds_late` of the last one, while it is to be told to those who come late. kNoRoom.
  Status Acquire(ThreadContext& t, const Key& key, uint64_t lease_ms, bool force, uint64_t awaited, uint64_t* token,
                 bool* fresh, std::string* error, bool heeds_late = false, uint32_t* failures = nullptr,
                 bool is_permit = false);
  Status Abandon(ThreadContext& t, const Key& key, uint64_t token);
  Status Fail(ThreadContext& t, const Key& key, uint64_t token, const uint8_t* error, uint32_t bytes,
              uint64_t memo_ms, uint64_t late_ms = 0, uint32_t failures = 0);
  // Tells sleeping waiters of this key, if there are any. Call after the change that ended the lease.
  void NotifyLeaseEnd(const Key& key);
  void WakeAllWaiters();

  // ---- namespaces (namespaces.cc)
  Status NamespaceId(const std::string& name, uint32_t parent, uint32_t* id);
  // Sum of the epochs from `ns` up to the root: changes whenever any of them is cleared, on this host or in the fleet,
  // or flushed.
  uint32_t EpochOf(uint32_t ns) const;
  void ClearNamespace(uint32_t ns);
  // Drops all entries and ends all loads, without being a clear: what is on its way to L2 goes on.
  void Flush();
  // The clears of this host, and what the fleet's epochs are set to, up to the root.
  uint32_t ClearsOf(uint32_t ns) const;
  uint32_t ClearsOf(std::string_view path) const;
  uint32_t FleetEpochOf(uint32_t ns) const;
  void SetFleetEpoch(uint32_t ns, uint32_t epoch);
  // Only forwards, modulo 2^32: what is told late ends nothing, and brings nothing back.
  void AdvanceFleetEpoch(uint32_t ns, uint32_t epoch);
  // The fleet's history began anew: `root` for the root, 0 for all others.
  void ResetFleetEpochs(uint32_t root);

  // ---- quotas (quotas.cc)
  // The entries of the namespace and of those below it shall not have more bytes together; kNoLimit ends that. What is there
  // already is counted by whoever counts next. kNamespaceLimit: no room for another quota.
  Status SetQuota(ThreadContext& t, uint32_t ns, uint64_t limit);
  // As SetQuota, of negative entries and errors of loads. 0: a share of the data.
  void SetNegativeQuota(uint64_t limit);
  std::vector<QuotaState> Quotas() const;
  // The namespace's names from the root, with '/' between them.
  std::string PathOf(uint32_t ns) const;
  // Somebody has died between a change and its counting, or a quota is new.
  bool IsCountDue() const { return Counts().is_due(); }
  void WantCount() { region_->header().count.fetch_or(CountWord::kWanted, kSeqCst); }
  // Counts what is there for all quotas, beside those who change it. False if somebody else does, or it is due again.
  bool CountAnew(ThreadContext& t);

  // ---- tags (tags.cc): by slot; what a slot's number means is the caller's
  // Rises with each clear. What is read or loaded after a look at it may carry what that look gave.
  uint64_t TagClock() const { return region_->header().tag_clock.load(kAcquire); }  // SYNC(tag)
  // Records whose tags have this slot and whose clock is of before are gone, or expired. Returns the clear's own clock.
  uint64_t ClearTag(uint32_t slot, TagClear kind);
  // L2 knows of a clear at `sequence` of its control partition. Says whether that was news, and leaves records as they are.
  bool NoteFleetClear(uint32_t slot, TagClear kind, uint64_t sequence);
  // What was cleared of these tags after `clock` on this host, after `sequence` in the fleet; an expired record counts as one
  // with grace.
  TagState TagsSince(const uint16_t* slots, uint32_t count, uint64_t clock) const;
  TagState FleetTagsSince(const uint16_t* slots, uint32_t count, uint64_t sequence) const;
  TagState TagsOf(const RecordPlace& place, const HeaderCopy& header) const {
    return header.tag_bytes == 0 ? TagState::kCurrent : JudgeTags(place, header);
  }
  // Of a record that was seen there; kGone if it no longer is.
  TagState TagsAt(uint32_t location, uint32_t generation) const;

  // ---- space (space.cc, reclaim.cc, runs.cc)
  // Frees one segment if anything can be. Janitor and writers in need.
  bool ReclaimOne(ThreadContext& t);
  uint32_t FreeSegments() const { return region_->header().free_segments.load(kRelaxed); }
  uint32_t FreeTarget() const { return free_target_; }
  // Recounts free segments, takes up what the dead left half reclaimed, frees run segments nobody refers to.
  void Recount(ThreadContext& t);
  bool ReclaimExpired(ThreadContext& t);

  // Visits the fresh values in `count` buckets from bucket `from` on (walk.cc). What moves or is written meanwhile may be
  // left out or come twice.
  void Walk(ThreadContext& t, uint32_t from, uint32_t count, const std::function<void(const Scanned&)>& visit) const;
  // The name of a registered namespace and its parent; false if there is none.
  bool NamespaceName(uint32_t id, std::string* name, uint32_t* parent) const;

  AuditReport Audit(ThreadContext& t);  // audit.cc: walks everything; exact when nobody writes

 private:
  // Of every namespace from `ns` up to the root (namespaces.cc).
  template <class Part>
  uint32_t SumToRoot(uint32_t ns, const Part& part) const;
  friend struct BucketScanner;

  struct KeyState {
    int value_slot = -1, lease_slot = -1;  // lease_slot: a lease or an error; what follows means something only with its slot
    RecordPlace value_place, lease_place;
    HeaderCopy value{}, lease{};
    LeaseBody lease_body{};
  };
  struct Scan {
    Intent intent;
    uint64_t max_version;
    SlotWord words[kSlotsPerBucket];
    int empty_slot;
    KeyState key;
  };
  // kFence changes no slot; whatever was decided on the state before it is decided anew.
  enum class Act { kNothing, kPut, kRemove, kFence };
  struct Decision {
    Act act = Act::kNothing;
    int slot = -1;
    uint64_t version = 0;  // of the put record, 0 = next after the bucket's highest; what a fence has taken
  };
  struct Outcome {
    Decision decision;
    uint64_t version = 0;
    uint32_t displaced = 0;  // location that left the slot, 0 = it was empty
  };

  // bucket.h
  template <class Decide>
  Outcome BucketOp(ThreadContext& t, uint32_t bucket, const Key* key, uint32_t new_location, Decide decide);
  void Help(ThreadContext& t, Bucket& bucket, Intent intent);
  void ScanBucket(Bucket& bucket, const Key* key, Scan* scan) const;
  int ChooseSlotVictim(const Bucket& bucket, const Scan& scan, uint64_t now) const;  // never the key's own value
  bool IsUsable(const RecordPlace& place, const HeaderCopy& value, uint32_t epoch, uint64_t now) const {
    return HasLife(value, epoch, now) && TagsOf(place, value) != TagState::kGone;
  }
  static bool HasLife(const HeaderCopy& record, uint32_t epoch, uint64_t now) {
    return record.epoch == epoch && (record.hard_ms == kNever || now < record.hard_ms);
  }
  TagState JudgeTags(const RecordPlace& place, const HeaderCopy& header) const;
  // False if its tags have ended it; makes it stale if they have expired it.
  bool HasTags(Hit* hit) const;
  TagState JudgeTagsAt(const uint8_t* slots, uint32_t count, uint64_t clock) const;
  void StampTags(const RecordPlace& place, const WriteOptions& options) const;

  bool Locate(uint32_t location, RecordPlace* place) const {
    uint64_t offset = (uint64_t{location} - 1) * kRecordAlign;
    if (location == 0 || offset >= data_bytes_) return false;
    place->segment = static_cast<uint32_t>(offset >> g_.segment_shift);
    place->room = segment_bytes_ - static_cast<uint32_t>(offset & (segment_bytes_ - 1));
    place->header = reinterpret_cast<RecordHeader*>(data_ + offset);
    place->location = location;
    return place->room >= kHeaderBytes;
  }
  uint32_t LocationOf(uint32_t segment, uint32_t offset) const {
    return static_cast<uint32_t>(((uint64_t{segment} << g_.segment_shift) + offset) / kRecordAlign) + 1;
  }
  uint8_t* SegmentData(uint32_t segment) const { return data_ + (uint64_t{segment} << g_.segment_shift); }
  bool KeyMatches(const RecordPlace& place, const HeaderCopy& header, const Key& key) const {
    return header.key_bytes == key.size && header.ns == key.ns && kHeaderBytes + key.size <= place.room &&
           EqualsShared(place.key(), key.bytes, key.size);
  }
  bool LoadDoubt(Hit* hit) const;
  // Whether the record has a fleet block of another doubt than the region's, or one that leaves its segment.
  bool IsDoubtful(const RecordPlace& place, const HeaderCopy& header) const {
    FleetBlock block;
    return header.fleet_bytes != 0 && (!LoadFleet(place, header, &block) || block.doubt != Doubt());
  }
  void FeedFrequency(Bucket& bucket, int slot);
  void SetFrequency(Bucket& bucket, int slot, uint32_t value);
  static uint32_t FrequencyOf(const Bucket& bucket, int slot) {
    return (bucket.frequency.load(kRelaxed) >> (2 * slot)) & 3;
  }
  void Retire(ThreadContext& t, uint32_t location, const HeaderCopy& header, uint32_t room);
  bool RemoveStaleLease(ThreadContext& t, const Key& key);
  template <class Change>
  Status Rewrite(ThreadContext& t, const Key& key, bool keep_version, Change change);  // rewrite.h
  Decision PlaceNew(const Bucket& bucket, const Scan& scan, uint64_t now) const;
  struct Start {  // where a record begins its stay
    Queue queue;
    Origin origin;
    uint32_t first_frequency;
  };
  Start StartOf(ThreadContext& t, const Key& key);
  uint64_t HashAt(const RecordPlace& place, const HeaderCopy& header) const;

  // space.cc
  bool Reserve(ThreadContext& t, Queue queue, uint32_t bytes, RecordPlace* place);
  void CommitRecord(ThreadContext& t, Queue queue, const RecordPlace& place, uint32_t bytes, uint64_t hard_ms);
  void CountLive(ThreadContext::Active& active);
  void RollBackRecord(ThreadContext& t, Queue queue, const RecordPlace& place);
  uint32_t TakeFreeSegment(ThreadContext& t, Queue queue, uint32_t keep_free);
  bool OpenActive(ThreadContext& t, Queue queue);
  void SealActive(ThreadContext& t, Queue queue);
  // `place`: in the order of its queue; 0 = behind all that are sealed.
  void SealSegment(uint32_t segment, SegmentWord now, Queue queue, uint64_t place = 0);
  void FreeSegment(uint32_t segment, SegmentWord mine);
  bool OwnerIsGone(ThreadContext& t, SegmentWord word);

  // reclaim.cc
  struct Victim {
    uint32_t segment = kNoSegment;
    SegmentWord word{0};
    bool keep_all = false;  // compaction: every live record is copied
  };
  bool ChooseVictim(ThreadContext& t, Victim* victim);
  bool KeepsApart() const;
  bool ReclaimSegment(ThreadContext& t, const Victim& victim);
  struct Walked {  // a record met on a walk over a segment
    RecordPlace place;
    HeaderCopy header;
    Key key;
    uint32_t bytes;
  };
  void ReclaimRecord(ThreadContext& t, const Walked& walked, const Victim& victim, uint32_t* copied);
  bool IsWorthy(ThreadContext& t, Queue queue, Origin origin, uint32_t frequency);
  static Origin OriginInMain(Queue from, uint32_t frequency);
  void NoteSegmentRecords(uint32_t records);
  bool ReclaimRunHead(ThreadContext& t, const Victim& victim, SegmentWord mine);

  // runs.cc
  Status WriteRun(ThreadContext& t, const Key& key, const uint8_t* value, uint32_t bytes,
                  const WriteOptions& options, uint64_t* version);
  void FreeRun(ThreadContext& t, const RecordPlace& head, uint32_t head_generation);
  bool FreeRunSegment(ThreadContext& t, uint32_t segment, const uint32_t* generation, bool owner_is_gone);
  bool IsRunSegmentReferenced(ThreadContext& t, uint32_t segment);
  bool RunLists(const RecordPlace& head, const HeaderCopy& header, uint32_t segment, uint32_t generation) const;

  // write.cc
  Status Publish(ThreadContext& t, const Key& key, RecordPlace place, const WriteOptions& options, uint32_t first_frequency,
                 uint64_t* version);

  // quotas.cc
  CountWord Counts() const { return {region_->header().count.load(kSeqCst)}; }  // SYNC(count)
  template <class Visit>
  void ForQuotas(const HeaderCopy& header, bool is_used, const Visit& visit) const;
  void CountQuotas(Bucket& bucket, uint32_t sequence, CountWord before, const HeaderCopy* old_header, const HeaderCopy* new_header);
  void CountBucket(ThreadContext& t, uint32_t bucket_index, uint16_t count, uint64_t* sums);
  void Charge(const HeaderCopy& header, uint64_t* bytes_by_quota) const;
  uint64_t LimitOf(uint32_t quota) const;
  uint64_t BytesOf(uint32_t quota) const;
  bool IsCharged(const HeaderCopy& header, uint32_t quota) const;
  Status KeepQuotas(ThreadContext& t, const Key& key, const RecordPlace& place, const HeaderCopy& header);
  void EvictOf(ThreadContext& t, uint32_t quota, uint64_t down_to, uint32_t spared);
  void EvictIn(ThreadContext& t, uint32_t bucket_index, uint32_t quota, uint32_t spared, bool is_last_round);

  // lease.cc
  bool IsLeaseLive(ThreadContext& t, const Scan& scan, uint32_t epoch, uint64_t now);
  uint64_t NextToken(ThreadContext& t);

  // threads.cc
  void RepairThread(ThreadContext& t, uint32_t slot, uint32_t incarnation);

  // ghost.cc, admission.cc
  Atomic<uint32_t>* GhostSet(uint64_t hash) const;
  uint32_t CapacityInRecords() const;
  void GhostInsert(uint64_t hash, Queue from);
  bool GhostTake(uint64_t hash, Queue* from);
  bool DrawAdmission(ThreadContext& t, Origin origin);
  void ReviewAdmission(Origin origin, bool was_hit);

  std::unique_ptr<Region> region_;
  Geometry g_;
  Bucket* buckets_;
  Atomic<uint32_t>* generations_;
  Segment* segments_;
  TagSlot* tags_;
  Quota* quotas_;
  uint32_t tag_mask_;
  uint8_t* data_;
  uint64_t data_bytes_;
  uint32_t segment_bytes_;
  uint64_t seed_;
  uint64_t start_ms_;
  uint64_t version_base_;
  uint32_t free_target_;
};

}  // namespace strata
