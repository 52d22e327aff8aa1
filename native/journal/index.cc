#include "journal/index.h"

#include "shm/clock.h"

namespace strata {
namespace {

constexpr uint64_t kPatienceNs = 200000;  // before the kernel is asked whether the owner of a prepared record lives

}  // namespace

LaneIndex::LaneIndex(Journal& journal) : journal_(journal), lanes_(journal.geometry().lane_count), table_(16384, kNoEntry), stamps_(1u << 16, 0) {
  lock_.Open(journal.file().fd());
  for (uint32_t i = 0; i < lanes_.size(); i++) {
    const Lane& lane = journal.lane(i);
    LaneView& view = lanes_[i];
    view.acked = view.scanned = lane.acked.load(kAcquire);  // SYNC(journal-acked)
    const uint64_t head = lane.head.load(kAcquire);  // SYNC(journal-head)
    if (head != journal.lane_bytes()) journal.RaiseLanesUsed(i + 1);
    if (journal.IsLaneSane(head, view.acked)) continue;
    view.is_damaged = true;
    journal.Count(JournalCounter::damaged);
  }
}

bool LaneIndex::IsOwnerAlive(uint32_t lane) {
  // What cannot be asked is taken for alive.
  return !lock_.is_open() || lock_.IsHeldByOther(kLockLanes + lane);
}

uint32_t LaneIndex::Allocate() {
  if (free_.empty()) {
    entries_.emplace_back();
    return static_cast<uint32_t>(entries_.size() - 1);
  }
  const uint32_t id = free_.back();
  free_.pop_back();
  entries_[id] = IndexEntry{};
  return id;
}

void LaneIndex::Grow() {
  table_.assign(table_.size() * 4, kNoEntry);
  for (LaneView& lane : lanes_) {
    for (uint32_t id : lane.ids) {
      if (!entries_[id].is_done) Link(id);
    }
  }
}

void LaneIndex::Link(uint32_t id) {
  uint32_t& first = table_[entries_[id].hash & (table_.size() - 1)];
  entries_[id].next_of_key = first;
  first = id;
}

void LaneIndex::Forget(uint32_t id) {
  IndexEntry& entry = entries_[id];
  if (entry.is_done) return;
  entry.is_done = true;
  pending_--;
  if (entry.op == JournalOp::kClear) std::erase(clears_, id);
  uint32_t* at = &table_[entry.hash & (table_.size() - 1)];
  while (*at != kNoEntry && *at != id) at = &entries_[*at].next_of_key;
  if (*at == id) *at = entry.next_of_key;
}

bool LaneIndex::IsWhole(uint32_t id) const {
  const IndexEntry& e = entries_[id];
  RecordHead copy;
  journal_.CopyHeader(e.lane, e.position, &copy);
  return copy->ns_bytes == e.ns_bytes && copy->key_bytes == e.key_bytes && copy->value_bytes == e.value_bytes &&
         journal_.ChecksOf(Mark::Make(e.lane, e.position), *copy, &record(id) + 1, size_t{e.ns_bytes} + e.key_bytes + e.value_bytes).all == copy->check;
}

void LaneIndex::Skip(uint32_t lane, uint64_t position, uint32_t bytes) {
  const uint32_t id = Allocate();
  IndexEntry& entry = entries_[id];
  entry.position = position;
  entry.bytes = bytes;
  entry.lane = static_cast<uint16_t>(lane);
  entry.state = RecordState::kFiller;
  entry.is_done = true;
  lanes_[lane].ids.push_back(id);
}

void LaneIndex::Add(uint32_t lane, uint64_t position, const JournalRecord& r) {
  const uint32_t id = Allocate();
  IndexEntry& entry = entries_[id];
  entry.position = position;
  entry.bytes = r.bytes;
  entry.hash = r.key_hash;
  entry.lane = static_cast<uint16_t>(lane);
  entry.partition = r.partition;
  entry.op = static_cast<JournalOp>(r.op);
  entry.condition = static_cast<JournalCondition>(r.condition);
  entry.has_source = r.source_version != 0;
  entry.wants_replica = (r.wishes & kWishReplica) != 0;
  entry.is_in_file = (r.codec & kCodecInFile) != 0;
  entry.value_bytes = r.value_bytes;
  entry.ns_bytes = r.ns_bytes;
  entry.key_bytes = r.key_bytes;
  entry.state = RecordState::kPrepared;
  lanes_[lane].ids.push_back(id);
  pending_++;
  Link(id);
  Refresh(entry);
  if (!entry.is_done && IsOpen(entry.state)) prepared_.push_back(id);
  if (!entry.is_done && entry.op_number != 0) resends_.push_back(id);
  if (!entry.is_done && entry.op == JournalOp::kClear) clears_.push_back(id);
  // A chain of one is the common case: its record is alone of its key.
  if (pending_ > table_.size() / 4) Grow();
}

void LaneIndex::Refresh(IndexEntry& entry) {
  if (entry.is_done || !IsOpen(entry.state)) return;
  const auto id = static_cast<uint32_t>(&entry - entries_.data());
  const JournalRecord& r = record(id);
  entry.state = static_cast<RecordState>(r.state.load(kAcquire));  // SYNC(journal-state)
  if (entry.state == RecordState::kGivenUp && HasOwnerMovedOn(entry)) return Forget(id);
  if (IsOpen(entry.state)) {
    const uint64_t now = PreciseNs();
    if (entry.seen_ns == 0) entry.seen_ns = now;
    if (now - entry.seen_ns < kPatienceNs || IsOwnerAlive(entry.lane)) return;
    // The owner may have committed and died between the two looks.
    entry.state = static_cast<RecordState>(r.state.load(kAcquire));  // SYNC(journal-state)
  }
  switch (entry.state) {
    case RecordState::kPrepared:
    case RecordState::kGivenUp:
      entry.is_orphan = true;
      return;
    case RecordState::kCommitted:
    case RecordState::kSuperseded:
      entry.is_inherited = entry.state == RecordState::kSuperseded;
      entry.version = r.host_version.load(kRelaxed);
      entry.op_number = r.op_number.load(kRelaxed);
      if (entry.op_number < journal_.header().next_op[entry.partition].load(kRelaxed)) return;
      // A number nobody has taken: damage. Sent under it, it would make Redis skip all up to it.
      entry.op_number = 0;
      journal_.Count(JournalCounter::damaged);
      return;
    case RecordState::kCancelled:
    case RecordState::kSettled:
      Forget(id);
      return;
    default:
      journal_.Count(JournalCounter::damaged);
      Forget(id);
  }
}

// A lane's owner makes one write at a time: one that it has finished is after the one it was told to make anew.
bool LaneIndex::HasOwnerMovedOn(const IndexEntry& entry) const {
  const auto& ids = lanes_[entry.lane].ids;
  for (auto id = ids.rbegin(); id != ids.rend(); ++id) {
    const IndexEntry& later = entries_[*id];
    if (later.position <= entry.position) return false;
    if (later.state != RecordState::kFiller && !IsOpen(later.state)) return true;
  }
  return false;
}

void LaneIndex::ScanLane(uint32_t index) {
  LaneView& view = lanes_[index];
  const uint64_t head = journal_.lane(index).head.load(kAcquire);  // SYNC(journal-head)
  const bool was_damaged = view.is_damaged;
  view.is_damaged = head < view.scanned || !journal_.IsLaneSane(head, view.acked);
  if (view.is_damaged) {
    // The owner's next record mends the head.
    if (!was_damaged) journal_.Count(JournalCounter::damaged);
    return;
  }
  RecordHead copy;
  while (view.scanned < head) {
    const uint64_t at = view.scanned;
    journal_.CopyHeader(index, at, &copy);
    const JournalRecord& r = *copy;
    if (!journal_.IsWithinBounds(at, head, r)) {
      // Where the next record begins is not known: up to the head everything is lost.
      journal_.Count(JournalCounter::damaged);
      Skip(index, at, static_cast<uint32_t>(head - at));
      view.scanned = head;
      return;
    }
    view.scanned += r.bytes;
    if (r.state.load(kRelaxed) == static_cast<uint32_t>(RecordState::kFiller)) {
      Skip(index, at, r.bytes);
    } else if (!journal_.IsHeadWhole(Mark::Make(index, at), r)) {
      journal_.Count(JournalCounter::damaged);
      Skip(index, at, r.bytes);
    } else {
      Add(index, at, r);
    }
  }
}

void LaneIndex::Scan() {
  size_t kept = 0;
  for (uint32_t id : prepared_) {
    IndexEntry& entry = entries_[id];
    if (!entry.is_done) Refresh(entry);
    if (!entry.is_done && IsOpen(entry.state)) prepared_[kept++] = id;
  }
  prepared_.resize(kept);
  const uint32_t used = journal_.lanes_used();
  for (uint32_t i = 0; i < used; i++) ScanLane(i);
}

uint64_t LaneIndex::DropDone(LaneView& lane) {
  while (!lane.ids.empty() && entries_[lane.ids.front()].is_done) {
    const uint32_t id = lane.ids.front();
    lane.acked = entries_[id].position + entries_[id].bytes;
    lane.ids.pop_front();
    free_.push_back(id);
  }
  return lane.acked;
}

}  // namespace strata
