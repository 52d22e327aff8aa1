// The journal: pending writes of the host in one mapped file that outlives every process.
//
// One lane, a ring with a single producer, per isolate that writes (lane.h); one leader per host that drains all of
// them (leader.h). The protocol is in docs/journal.md.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "journal/layout.h"
#include "shm/private_file.h"

namespace strata {

struct JournalOptions {
  uint64_t ring_bytes = 16u << 20;   // of all lanes together; rounded down to a power of two a lane
  uint32_t lanes = 64;
  uint64_t letter_bytes = 256u << 10;
};

// kBadOptions outside of: 1..4096 lanes, 4 KiB..1 GiB a lane, 4 KiB..64 MiB of dead letters.
Status ComputeJournalGeometry(const JournalOptions& options, JournalGeometry* out);
bool IsConsistent(const JournalGeometry& geometry);

// The region whose table a journal goes with: entries name records by their marks, and records tell the table's clears. So the
// name of the journal has the region's id.
struct JournalHome {
  uint64_t region_id = 0;  // 0: the name is without
  // How often the table has cleared the namespace or one above.
  std::function<uint32_t(std::string_view ns)> clears_of = [](std::string_view) { return 0u; };
  // The region had no journal so far, or lost it: before there is one, since entries may name records of another.
  std::function<void()> on_first = [] {};
  // Open gives nullptr and kMiss rather than to make a journal, or to adopt one that has dead letters alone: those are for the
  // next region.
  bool only_adopts = false;
};

// The host ids of all journals of the name, whatever their region, that are not of another layout, boot or time namespace.
std::vector<uint64_t> JournalHosts(const std::string& dir, const std::string& name);

// Reads the header; kOk if it is that of a journal of this layout, boot and time namespace.
Status ExamineJournal(int fd, uint64_t size, JournalGeometry* geometry, std::string* why);

// A private copy of a record's header: what was checked in it cannot change any more.
class RecordHead {
 public:
  const JournalRecord& operator*() const { return *reinterpret_cast<const JournalRecord*>(bytes_); }
  const JournalRecord* operator->() const { return &**this; }

 private:
  friend class Journal;
  alignas(8) unsigned char bytes_[sizeof(JournalRecord)];
};

struct RecordChecks {
  uint32_t all, head;
};

class Journal {
 public:
  // Attaches to the journal of `home` in `dir`, adopts one that nobody is attached to any more, or creates it. nullptr with
  // `error` filled.
  static Journal* Open(const std::string& dir, const std::string& name, const JournalOptions& options,
                       RegionError* error, std::string* warnings, const JournalHome& home = {});
  // Over a mapping of the caller's.
  static std::unique_ptr<Journal> Over(uint8_t* base, const JournalGeometry& geometry);

  PrivateFile& file() { return file_; }
  JournalHeader& header() const { return *reinterpret_cast<JournalHeader*>(base_); }
  // A private copy, so that no later change in shared memory can move a bound.
  const JournalGeometry& geometry() const { return geometry_; }
  uint64_t lane_bytes() const { return uint64_t{1} << geometry_.lane_shift; }
  // Bytes of header, namespace, key and value together.
  uint64_t max_record_bytes() const { return lane_bytes() / 2; }
  Lane& lane(uint32_t index) const { return At<Lane>(geometry_.lanes_at)[index]; }
  LaneFilter& filter(uint32_t index) const { return At<LaneFilter>(geometry_.filters_at)[index]; }
  uint8_t* letters() const { return At<uint8_t>(geometry_.letters_at); }
  uint8_t* ring(uint32_t index) const { return At<uint8_t>(geometry_.rings_at) + (uint64_t{index} << geometry_.lane_shift); }
  JournalRecord* RecordAt(uint32_t lane, uint64_t position) const {
    return reinterpret_cast<JournalRecord*>(ring(lane) + (position & (lane_bytes() - 1)));
  }
  uint32_t lanes_used() const {
    const uint32_t used = header().lanes_used.load(kAcquire);  // SYNC(journal-lanes)
    return used < geometry_.lane_count ? used : geometry_.lane_count;
  }
  void RaiseLanesUsed(uint32_t count) const {
    uint32_t used = header().lanes_used.load(kRelaxed);
    while (used < count && !header().lanes_used.compare_exchange_weak(used, count, kAcqRel)) {  // SYNC(journal-lanes)
    }
  }
  uint64_t KeyHash(std::string_view ns, std::string_view key) const {
    return HashKey(HashKey(header().hash_seed, 1, Bytes(ns), ns.size()), 0, Bytes(key), key.size());
  }
  // Of a filler no more than its first two words: it may be shorter than a header.
  void CopyHeader(uint32_t lane, uint64_t position, RecordHead* to) const;
  // Of the record that lies at `mark` and nowhere else: a record of an earlier round of the ring does not pass for it.
  RecordChecks ChecksOf(Mark mark, const JournalRecord& header, const void* body, size_t body_bytes) const;
  // The header alone, for who reads on: the rest is checked by who uses it.
  bool IsHeadWhole(Mark mark, const JournalRecord& header) const;
  void Count(JournalCounter counter, uint64_t by = 1) const {
    header().counters[static_cast<size_t>(counter)].fetch_add(by, kRelaxed);
  }
  // True if `head` and `acked` can be those of one lane.
  bool IsLaneSane(uint64_t head, uint64_t acked) const {
    return acked >= lane_bytes() && acked <= head && head - acked <= lane_bytes() && ((head | acked) & 7) == 0 &&
           head <= kMaxPosition + lane_bytes();
  }
  // True if a record with this header may lie at `position` and end at or before `limit`.
  bool IsWithinBounds(uint64_t position, uint64_t limit, const JournalRecord& header_copy) const;

  static const uint8_t* Bytes(std::string_view text) { return reinterpret_cast<const uint8_t*>(text.data()); }
  static uint64_t NowMs();  // monotonic

 private:
  uint64_t HashOfHead(Mark mark, const JournalRecord& header) const;
  Journal() = default;
  template <class T>
  T* At(uint64_t offset) const { return reinterpret_cast<T*>(base_ + offset); }

  PrivateFile file_;
  uint8_t* base_ = nullptr;
  JournalGeometry geometry_{};
};

}  // namespace strata
