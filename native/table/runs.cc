// Runs: values larger than half a segment, in segments of their own.
//
// The head segment holds one record: header, key, RunHead, the list of {segment, generation} of the parts, and the
// first bytes of the value. All segments are written before the head is published and sealed after it. Whoever
// removes the head frees the segments; each is freed only after a validated look at the head's bucket showed that
// nothing lists it, so a freer that was stopped and resumes late cannot free what belongs to somebody else by then.
#include "table/bucket.h"
#include "table/read.h"

namespace strata {
namespace {

constexpr uint32_t kMaxParts = kMaxValueBytes / 4096 + 2;

uint32_t HeadPayload(uint32_t parts) {
  return static_cast<uint32_t>(sizeof(RunHead)) + parts * static_cast<uint32_t>(sizeof(RunPart));
}

}  // namespace

Status Table::WriteRun(ThreadContext& t, const Key& key, const uint8_t* value, uint32_t bytes,
                       const WriteOptions& options, uint64_t* version) {
  uint32_t parts = 0;
  const uint32_t list_start = kHeaderBytes + key.size + options.block_bytes();
  while (uint64_t{parts} * segment_bytes_ + (segment_bytes_ - list_start - HeadPayload(parts)) < bytes) {
    parts++;
    if (parts > kMaxParts || list_start + HeadPayload(parts) >= segment_bytes_) return Status::kTooLarge;
  }
  const uint32_t home = HashRange(key.hash, g_.bucket_count);
  const Start start = StartOf(t, key);
  std::vector<uint32_t> taken;
  auto give_back = [&] {
    for (uint32_t segment : taken) FreeSegment(segment, SegmentWord{segments_[segment].state.load(kRelaxed)});
  };
  for (uint32_t tries = 0; taken.size() < parts + 1; tries++) {
    uint32_t segment = TakeFreeSegment(t, taken.empty() ? start.queue : Queue::kRun, kReserve);
    if (segment != kNoSegment) {
      segments_[segment].home.store(home, kRelaxed);
      segments_[segment].run_segments.store(taken.empty() ? parts + 1 : 0, kRelaxed);
      KILL_POINT(run_segment_taken);
      taken.push_back(segment);
      continue;
    }
    t.Count(Counter::inline_reclaims);
    if (tries > 2 * g_.segment_count || !ReclaimOne(t)) {
      give_back();
      return Status::kNoRoom;
    }
  }
  const uint32_t payload_start = list_start + HeadPayload(parts);
  const uint32_t head_bytes = std::min(bytes, segment_bytes_ - payload_start);
  uint32_t at = head_bytes;
  for (uint32_t p = 0; p < parts; p++) {
    uint32_t part_bytes = std::min(bytes - at, segment_bytes_);
    CopyShared(SegmentData(taken[p + 1]), value + at, part_bytes);
    segments_[taken[p + 1]].committed.store(part_bytes, kRelease);  // SYNC(committed)
    at += part_bytes;
    KILL_POINT(run_part_written);
  }
  HeaderCopy header{};
  header.value_bytes = bytes;
  header.key_bytes = key.size;
  header.type = RecordType::kValue;
  header.is_run = true;
  header.origin = start.origin;
  header.codec = options.codec;
  header.is_negative = options.is_negative;
  header.fleet_bytes = options.fleet_bytes();
  header.tag_bytes = options.tag_bytes;
  header.ns = key.ns;
  header.epoch = EpochOf(key.ns);
  header.soft_ms = options.soft_ms;
  header.hard_ms = options.hard_ms;
  RecordPlace place;
  Locate(LocationOf(taken[0], 0), &place);
  StoreHeader(place.header, header);
  CopyShared(place.key(), key.bytes, key.size);
  if (options.has_fleet) CopyShared(place.key() + key.size, &options.fleet, sizeof(FleetBlock));
  if (options.tag_bytes != 0) CopyShared(place.tags(header), options.tags, options.tag_bytes);
  uint8_t* payload = place.value(header);
  RunHead head{parts, head_bytes};
  CopyShared(payload, &head, sizeof(head));
  for (uint32_t p = 0; p < parts; p++) {
    RunPart part{taken[p + 1], generations_[taken[p + 1]].load(kRelaxed)};
    CopyShared(payload + sizeof(RunHead) + p * sizeof(RunPart), &part, sizeof(part));
  }
  CopyShared(payload + HeadPayload(parts), value, head_bytes);
  Segment& head_segment = segments_[taken[0]];
  head_segment.live_bytes.store(static_cast<int32_t>(segment_bytes_), kRelaxed);
  head_segment.last_expiry.store(options.hard_ms == kNever ? ~uint64_t{0} : options.hard_ms, kRelaxed);
  head_segment.committed.store(payload_start + head_bytes, kRelease);  // SYNC(committed)
  Status status = Publish(t, key, place, options, start.first_frequency, version);
  if (status != Status::kOk) {
    give_back();
    return status;
  }
  KILL_POINT(run_published);
  t.Count(Counter::runs_stored);
  for (uint32_t segment : taken) {
    SegmentWord word{segments_[segment].state.load(kRelaxed)};
    SealSegment(segment, word, word.queue());
    KILL_POINT(run_part_sealed);
  }
  // Between publication and sealing the head may have been removed again; its remover found these segments ACTIVE
  // and left them, so they are looked at once more.
  if (!IsRunSegmentReferenced(t, taken[0])) {
    for (uint32_t segment : taken) FreeRunSegment(t, segment, nullptr, false);
  }
  return KeepQuotas(t, key, place, header);
}

bool Table::CopyValue(const Hit& hit, uint8_t* to) const {
  const uint8_t* payload = hit.payload();
  if (!hit.header.is_run) {
    CopyShared(to, payload, hit.header.value_bytes);
    return true;
  }
  const uint32_t before = hit.header.before_value();
  if (before > hit.place.room) return false;
  const uint32_t room = hit.place.room - before;
  if (room < sizeof(RunHead)) return false;
  RunHead head;
  CopyShared(&head, payload, sizeof(head));
  if (head.part_count > kMaxParts) return false;
  const uint32_t list = HeadPayload(head.part_count);
  if (list > room || head.head_bytes > room - list || head.head_bytes > hit.header.value_bytes) return false;
  CopyShared(to, payload + list, head.head_bytes);
  uint32_t at = head.head_bytes;
  for (uint32_t p = 0; p < head.part_count; p++) {
    RunPart part;
    CopyShared(&part, payload + sizeof(RunHead) + p * sizeof(RunPart), sizeof(part));
    if (part.segment >= g_.segment_count) return false;
    uint32_t bytes = std::min(hit.header.value_bytes - at, segment_bytes_);
    if (generations_[part.segment].load(kAcquire) != part.generation) return false;  // SYNC(reclaim-gen)
    CopyShared(to + at, SegmentData(part.segment), bytes);
    Fence(kAcquire);  // SYNC(reclaim-gen)
    if (generations_[part.segment].load(kRelaxed) != part.generation) return false;
    at += bytes;
  }
  return at == hit.header.value_bytes;
}

bool Table::RunLists(const RecordPlace& head, const HeaderCopy& header, uint32_t segment, uint32_t generation) const {
  if (!header.is_run || header.key_bytes > kMaxKeyBytes) return false;
  const uint32_t before = header.before_value() + static_cast<uint32_t>(sizeof(RunHead));
  if (before > head.room) return false;
  const uint8_t* payload = head.value(header);
  RunHead run;
  CopyShared(&run, payload, sizeof(run));
  if (run.part_count > (head.room - before) / sizeof(RunPart)) return false;
  for (uint32_t p = 0; p < run.part_count; p++) {
    RunPart part;
    CopyShared(&part, payload + sizeof(RunHead) + p * sizeof(RunPart), sizeof(part));
    if (part.segment == segment && part.generation == generation) return true;
  }
  return false;
}

// A validated scan of the home bucket: does any slot's record lie in this segment, or list it as a part?
bool Table::IsRunSegmentReferenced(ThreadContext& t, uint32_t segment) {
  uint32_t home = segments_[segment].home.load(kRelaxed);
  if (home >= g_.bucket_count) return false;
  uint32_t generation = generations_[segment].load(kAcquire);  // SYNC(reclaim-gen)
  bool referenced = false;
  BucketOp(t, home, nullptr, 0, [&](Bucket&, Scan& scan) -> Decision {
    referenced = false;
    for (const SlotWord& word : scan.words) {
      RecordPlace place;
      if (!Locate(word.location(), &place)) continue;
      if (place.segment == segment || RunLists(place, LoadHeader(place.header), segment, generation)) referenced = true;
    }
    return {};
  });
  return referenced;
}

// Frees one segment of a run unless a head refers to it, or it is no longer of `generation` (nullptr = any): a freer
// that was paused may find it in somebody else's use. Leaves segments that a living writer still fills.
// REQUIRES for `owner_is_gone`: the caller holds the dead owner's file lock.
bool Table::FreeRunSegment(ThreadContext& t, uint32_t segment, const uint32_t* generation, bool owner_is_gone) {
  SegmentWord word{segments_[segment].state.load(kAcquire)};  // SYNC(segment-state)
  bool may_claim = word.state() == SegmentState::kSealed ||
                   (owner_is_gone && (word.state() == SegmentState::kActive || word.state() == SegmentState::kReclaim));
  if (!may_claim) return false;
  SegmentWord mine = SegmentWord::Make(SegmentState::kReclaim, word.queue(), t.slot, t.incarnation);
  if (!segments_[segment].state.compare_exchange_strong(word.raw, mine.raw, kAcqRel, kRelaxed)) return false;
  KILL_POINT(run_free_claimed);
  bool is_run = word.queue() == Queue::kRun || segments_[segment].run_segments.load(kRelaxed) != 0;
  const bool is_same = generation == nullptr || generations_[segment].load(kAcquire) == *generation;  // SYNC(reclaim-gen)
  if (!is_run || !is_same || IsRunSegmentReferenced(t, segment)) {
    // Not ours to free: give it back as it was. Its place in the FIFO order is kept.
    SegmentWord sealed = mine.With(SegmentState::kSealed);
    segments_[segment].state.compare_exchange_strong(mine.raw, sealed.raw, kAcqRel, kRelaxed);
    return false;
  }
  FreeSegment(segment, mine);
  KILL_POINT(run_freed_one);
  return true;
}

// The head at `head` has just left its slot: frees what it listed.
void Table::FreeRun(ThreadContext& t, const RecordPlace& head, uint32_t head_generation) {
  HeaderCopy header = LoadHeader(head.header);
  std::vector<RunPart> parts;
  const uint32_t before = header.before_value() + static_cast<uint32_t>(sizeof(RunHead));
  if (header.is_run && before <= head.room) {
    const uint8_t* payload = head.value(header);
    RunHead run;
    CopyShared(&run, payload, sizeof(run));
    uint32_t count = std::min<uint32_t>({run.part_count, kMaxParts, (head.room - before) / static_cast<uint32_t>(sizeof(RunPart))});
    parts.resize(count);
    if (count != 0) CopyShared(parts.data(), payload + sizeof(RunHead), count * sizeof(RunPart));
  }
  Fence(kAcquire);
  // If somebody else recycled the head's segment meanwhile, the list is not ours to read; the janitor finds the parts.
  if (generations_[head.segment].load(kRelaxed) != head_generation) return;
  for (const RunPart& part : parts) {
    if (part.segment < g_.segment_count) FreeRunSegment(t, part.segment, &part.generation, false);
  }
  FreeRunSegment(t, head.segment, &head_generation, false);
  t.Count(Counter::runs_freed);
}

}  // namespace strata
