// The write path: set, conditional set, publish, delete, touch. Each is a decide function of the bucket protocol.
#include "table/bucket.h"
#include "table/rewrite.h"

namespace strata {

Table::Table(Region* region)
    : region_(region),
      g_(region->geometry()),
      buckets_(region->buckets()),
      generations_(region->generations()),
      segments_(region->segments()),
      tags_(region->tags()),
      quotas_(region->quotas()),
      tag_mask_(g_.tag_slots - 1),
      data_(region->data()),
      data_bytes_(uint64_t{g_.segment_count} << g_.segment_shift),
      segment_bytes_(1u << g_.segment_shift),
      seed_(region->header().hash_seed),
      start_ms_(region->header().start_monotonic_ms),
      version_base_(region->header().version_base),
      free_target_(std::max(1u, g_.segment_count / 100)) {}

uint32_t Table::max_value_bytes() const {
  return static_cast<uint32_t>(std::min<uint64_t>(kMaxValueBytes, data_bytes_ / 4));
}

// An overwrite stays in its queue and counts as a use; a key the ghost remembers may go to main; else to small.
Table::Start Table::StartOf(ThreadContext& t, const Key& key) {
  Bucket& bucket = buckets_[HashRange(key.hash, g_.bucket_count)];
  const uint16_t tag = HashTag(key.hash);
  for (int i = 0; i < static_cast<int>(kSlotsPerBucket); i++) {
    SlotWord word{bucket.slots[i].load(kAcquire)};  // SYNC(slot-publish); only a hint, so no further check
    RecordPlace place;
    if (word.tag() != tag || !Locate(word.location(), &place)) continue;
    HeaderCopy header = LoadHeader(place.header);
    if (header.type != RecordType::kValue || !KeyMatches(place, header, key)) continue;
    SegmentWord state{segments_[place.segment].state.load(kRelaxed)};
    FeedFrequency(bucket, i);
    return {state.queue() == Queue::kMain ? Queue::kMain : Queue::kSmall, header.origin, 0};
  }
  Queue evicted_from;
  if (GhostTake(key.hash, &evicted_from)) {
    t.Count(Counter::ghost_hits);
    const bool was_in_main = evicted_from == Queue::kMain;
    const Origin origin = was_in_main ? Origin::kBackMain : Origin::kBackSmall;
    // Proven twice: a round of grace.
    if (DrawAdmission(t, origin)) return {Queue::kMain, origin, was_in_main ? 1u : 0u};
  }
  return {Queue::kSmall, Origin::kVeteran, 0};
}

bool Table::BeginWrite(ThreadContext& t, const Key& key, uint32_t payload_capacity, const WriteOptions& options,
                       PendingWrite* write) {
  const Start start = StartOf(t, key);
  write->queue = start.queue;
  write->origin = start.origin;
  write->first_frequency = start.first_frequency;
  const uint32_t block_bytes = options.block_bytes();
  if (!Reserve(t, write->queue, RecordBytes(key.size, payload_capacity, block_bytes), &write->place)) return false;
  CopyShared(write->place.key(), key.bytes, key.size);
  write->payload = write->place.key() + key.size + block_bytes;
  write->capacity = payload_capacity;
  return true;
}

Status Table::CommitWrite(ThreadContext& t, const Key& key, PendingWrite& write, uint32_t payload_bytes,
                          const WriteOptions& options, uint64_t* version) {
  HeaderCopy header{};
  header.value_bytes = payload_bytes;
  header.key_bytes = key.size;
  header.type = RecordType::kValue;
  header.origin = write.origin;
  header.codec = options.codec;
  header.is_negative = options.is_negative;
  header.fleet_bytes = options.fleet_bytes();
  header.tag_bytes = options.tag_bytes;
  header.ns = key.ns;
  header.epoch = EpochOf(key.ns);
  header.soft_ms = options.soft_ms;
  header.hard_ms = options.hard_ms;
  StoreHeader(write.place.header, header);
  if (options.has_fleet) CopyShared(write.place.key() + key.size, &options.fleet, sizeof(FleetBlock));
  if (options.tag_bytes != 0) CopyShared(write.place.tags(header), options.tags, options.tag_bytes);
  uint32_t bytes = RecordBytes(key.size, payload_bytes, options.block_bytes());
  CommitRecord(t, write.queue, write.place, bytes, options.hard_ms);
  Status status = Publish(t, key, write.place, options, write.first_frequency, version);
  if (status == Status::kOk) return KeepQuotas(t, key, write.place, header);
  RollBackRecord(t, write.queue, write.place);
  return status;
}

// Puts the complete record at `place` into the key's bucket if the options' condition holds. `first_frequency`: of a slot that
// it takes anew.
Status Table::Publish(ThreadContext& t, const Key& key, RecordPlace place, const WriteOptions& options,
                      uint32_t first_frequency, uint64_t* version) {
  Status status = Status::kOk;
  bool lease_seen = false, is_new_slot = false;
  uint64_t victim_hash = 0;
  Queue victim_queue = Queue::kSmall;
  auto decide = [&](Bucket& bucket, Scan& scan) -> Decision {
    const KeyState& k = scan.key;
    const uint64_t now = NowMs(t);
    const bool has_value = k.value_slot >= 0;
    is_new_slot = !has_value && k.lease_slot < 0;
    status = Status::kOk;
    lease_seen = k.lease_slot >= 0;
    // Stamped here and not when the record was written: else a set that began before a clear could replace, with a
    // record dead on arrival, what was set after it.
    uint32_t epoch = EpochOf(key.ns);
    if (options.clears != nullptr) {
      // The count of the very epoch: a clear that falls between the two would be taken for one before it, or after it.
      do {
        *options.clears = ClearsOf(key.ns);
        epoch = EpochOf(key.ns);
      } while (ClearsOf(key.ns) != *options.clears);
    }
    StoreField(place.header->epoch, epoch);
    // Before the present value is judged: what is cleared from here on ends the new record too.
    if (options.tag_bytes != 0 && options.tags->clock == 0) StampTags(place, options);
    if (options.lease_token != 0) {
      bool mine = lease_seen && k.lease.type == RecordType::kLease && k.lease_body.token == options.lease_token &&
                  k.lease.epoch == epoch;
      if (mine && options.tag_bytes != 0) mine = TagsOf(place, LoadHeader(place.header)) == TagState::kCurrent;
      bool unchanged = mine && (has_value ? k.value.version == k.lease_body.granted_over : k.lease_body.granted_over == 0);
      if (!unchanged) {
        status = Status::kLeaseLost;
        return {};
      }
    }
    const bool usable = has_value && IsUsable(k.value_place, k.value, epoch, now);
    bool holds = true;
    if (options.condition == Condition::kAbsent) holds = !usable;
    if (options.condition == Condition::kVersion) holds = usable && k.value.version == options.expected;
    if (options.condition == Condition::kLocation) {
      holds = usable && k.value_place.location == options.expected && k.value.version == options.seen_version;
    }
    if (options.condition == Condition::kNewer) {
      holds = options.expected > std::max(scan.max_version, version_base_) && options.expected < uint64_t{1} << 53;
    }
    if (!holds) {
      status = Status::kConflict;
      return {};
    }
    const uint64_t kept = options.condition == Condition::kNewer ? options.expected : options.keep_version;
    if (has_value) return {Act::kPut, k.value_slot, kept};
    if (k.lease_slot >= 0) return {Act::kPut, k.lease_slot, kept};
    Decision where = PlaceNew(bucket, scan, now);
    where.version = kept;
    RecordPlace victim;
    if (Locate(scan.words[where.slot].location(), &victim)) {
      victim_hash = HashAt(victim, LoadHeader(victim.header));
      victim_queue = SegmentWord{segments_[victim.segment].state.load(kRelaxed)}.queue();
    }
    return where;
  };
  uint32_t bucket_index = HashRange(key.hash, g_.bucket_count);
  Outcome outcome = BucketOp(t, bucket_index, &key, place.location, decide);
  if (outcome.decision.act != Act::kPut) {
    t.Count(status == Status::kLeaseLost ? Counter::publishes_lost : Counter::conflicts);
    return status;
  }
  KILL_POINT(lease_value_put);
  if (version != nullptr) *version = outcome.version;
  if (is_new_slot) {  // a slot that changed hands starts with a clean count
    SetFrequency(buckets_[bucket_index], outcome.decision.slot, first_frequency);
    if (outcome.displaced != 0) {
      t.Count(Counter::evictions_bucket);
      GhostInsert(victim_hash, victim_queue);
    }
  }
  if (lease_seen) {
    RemoveStaleLease(t, key);
    NotifyLeaseEnd(key);
  }
  return Status::kOk;
}

// Removes the key's lease or error if the present value has voided it.
bool Table::RemoveStaleLease(ThreadContext& t, const Key& key) {
  auto decide = [&](Bucket&, Scan& scan) -> Decision {
    const KeyState& k = scan.key;
    if (k.lease_slot < 0) return {};
    bool live = k.lease.type == RecordType::kLease && k.value_slot >= 0
                    ? k.value.version == k.lease_body.granted_over
                    : k.lease.type == RecordType::kLease && k.lease_body.granted_over == 0;
    if (live) return {};
    return {Act::kRemove, k.lease_slot, 0};
  };
  bool removed = BucketOp(t, HashRange(key.hash, g_.bucket_count), &key, 0, decide).decision.act == Act::kRemove;
  KILL_POINT(lease_removed);
  return removed;
}

Status Table::Write(ThreadContext& t, const Key& key, const uint8_t* value, uint32_t bytes,
                    const WriteOptions& options, uint64_t* version) {
  if (bytes > max_value_bytes()) {
    DropKey(t, key);
    return Status::kTooLarge;
  }
  uint32_t record_bytes = RecordBytes(key.size, bytes, options.block_bytes());
  if (record_bytes > max_inline_record()) {
    Status status = WriteRun(t, key, value, bytes, options, version);
    if (status == Status::kNoRoom || status == Status::kTooLarge) DropKey(t, key);
    return status;
  }
  PendingWrite write;
  if (!BeginWrite(t, key, bytes, options, &write)) {
    DropKey(t, key);
    return Status::kNoRoom;
  }
  CopyShared(write.payload, value, bytes);
  return CommitWrite(t, key, write, bytes, options, version);
}

// A set that found no room may cause a miss, never an older value.
void Table::DropKey(ThreadContext& t, const Key& key) {
  t.Count(Counter::evictions_no_room);
  Delete(t, key);
}

Status Table::Delete(ThreadContext& t, const Key& key, uint64_t* version) {
  bool found = false, lease_seen = false;
  uint64_t taken = 0;
  // Each round removes one of value and lease; only a validated scan that shows neither ends it, so no load that
  // began before the return can publish.
  for (;;) {
    auto decide = [&](Bucket& bucket, Scan& scan) -> Decision {
      const KeyState& k = scan.key;
      if (k.value_slot >= 0) return {Act::kRemove, k.value_slot, 0};
      if (k.lease_slot >= 0) return {Act::kRemove, k.lease_slot, 0};
      if (version == nullptr) return {};
      // A version of its own: above all that the key has had, below all that it will have. It is taken before the fence, so a
      // put that chose the same one either came before the fence, which then finds it, or is made anew after it.
      taken = MonotonicNext(scan.max_version, VersionFloor(t));
      uint64_t seen = bucket.max_version.load(kRelaxed);
      while (seen < taken && !bucket.max_version.compare_exchange_weak(seen, taken, kAcqRel, kRelaxed)) {  // SYNC(max-version)
      }
      KILL_POINT(delete_version_taken);
      return {Act::kFence, 0, taken};
    };
    bool usable = false;
    uint32_t epoch = EpochOf(key.ns);
    uint64_t now = NowMs(t);
    auto noting = [&](Bucket& bucket, Scan& scan) -> Decision {
      usable = scan.key.value_slot >= 0 && IsUsable(scan.key.value_place, scan.key.value, epoch, now);
      lease_seen = lease_seen || scan.key.lease_slot >= 0;
      return decide(bucket, scan);
    };
    Outcome outcome = BucketOp(t, HashRange(key.hash, g_.bucket_count), &key, 0, noting);
    if (outcome.decision.act == Act::kNothing || outcome.decision.act == Act::kFence) break;
    found = found || usable;
    KILL_POINT(delete_first_removed);
  }
  if (version != nullptr) *version = taken;
  if (lease_seen) NotifyLeaseEnd(key);
  return found ? Status::kOk : Status::kMiss;
}

Status Table::Take(ThreadContext& t, const Key& key, uint64_t version) {
  bool lease_seen = false, is_there = false, is_last = false;
  // The lease goes first: once the value is gone, a load that was granted before it came could publish again. What is
  // granted between the rounds is granted over the value, and void without it.
  auto decide = [&](Bucket&, Scan& scan) -> Decision {
    const KeyState& k = scan.key;
    is_there = k.value_slot >= 0 && k.value.version == version && IsUsable(k.value_place, k.value, EpochOf(key.ns), NowMs(t));
    if (!is_there) return {};
    is_last = k.lease_slot < 0;
    if (is_last) return {Act::kRemove, k.value_slot, 0};
    lease_seen = true;
    return {Act::kRemove, k.lease_slot, 0};
  };
  do {
    BucketOp(t, HashRange(key.hash, g_.bucket_count), &key, 0, decide);
    KILL_POINT(delete_first_removed);
  } while (is_there && !is_last);
  if (lease_seen) NotifyLeaseEnd(key);
  return is_there ? Status::kOk : Status::kConflict;
}

Status Table::Touch(ThreadContext& t, const Key& key, uint64_t soft_ms, uint64_t hard_ms) {
  return Rewrite(t, key, true, [&](const Hit&, WriteOptions* options) {
    options->soft_ms = soft_ms;
    options->hard_ms = hard_ms;
    return true;
  });
}

Status Table::Expire(ThreadContext& t, const Key& key) {
  Status status = Rewrite(t, key, false, [&](const Hit&, WriteOptions* options) {
    const uint64_t now = std::max<uint64_t>(NowMs(t), 1);
    const bool has_grace = options->soft_ms != kNever && options->hard_ms > options->soft_ms;
    if (options->soft_ms == kNever || options->soft_ms > now) {
      options->hard_ms = has_grace ? now + (options->hard_ms - options->soft_ms) : now;
      options->soft_ms = now;
    }
    return true;
  });
  if (status != Status::kMiss) return status;
  // A value that has ended may lie there yet; one stored since then has ended the loads before it.
  auto end_lease = [&](Bucket&, Scan& scan) -> Decision {
    const KeyState& k = scan.key;
    if (k.lease_slot < 0 || (k.value_slot >= 0 && IsUsable(k.value_place, k.value, EpochOf(key.ns), NowMs(t)))) return {};
    return {Act::kRemove, k.lease_slot, 0};
  };
  if (BucketOp(t, HashRange(key.hash, g_.bucket_count), &key, 0, end_lease).decision.act == Act::kRemove) {
    NotifyLeaseEnd(key);
  }
  return status;
}

}  // namespace strata
