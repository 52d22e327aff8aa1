// Leases: the right to load one key, one holder per host, decided in the key's own bucket.
#include "shm/futex.h"
#include "table/bucket.h"

namespace strata {

uint64_t Table::NextToken(ThreadContext& t) {
  auto& counter = region_->threads()[t.slot].lease_counter;
  uint64_t next = counter.load(kRelaxed) + 1;
  counter.store(next, kRelaxed);
  return uint64_t{t.slot} << 43 | uint64_t{t.incarnation & 0xfffffu} << 23 | (next & 0x7fffffu);
}

// Live: nobody may take it over, and its holder may still publish.
bool Table::IsLeaseLive(ThreadContext& t, const Scan& scan, uint32_t epoch, uint64_t now) {
  const KeyState& k = scan.key;
  if (k.lease_slot < 0 || k.lease.type != RecordType::kLease || !HasLife(k.lease, epoch, now)) return false;
  bool unchanged = k.value_slot >= 0 ? k.value.version == k.lease_body.granted_over : k.lease_body.granted_over == 0;
  if (!unchanged) return false;
  auto slot = static_cast<uint32_t>(k.lease_body.token >> 43);
  auto incarnation = static_cast<uint32_t>(k.lease_body.token >> 23) & 0xfffffu;
  return IsAlive(t, slot, incarnation);
}

Status Table::Acquire(ThreadContext& t, const Key& key, uint64_t lease_ms, bool force, uint64_t awaited,
                      uint64_t* token, bool* fresh, std::string* error, bool heeds_late, uint32_t* failures,
                      bool is_permit) {
  *fresh = false;
  // A dead holder's pending intents and segments are left to the reaper; only its leases are taken over here.
  RecordPlace place;
  const uint32_t bytes = RecordBytes(key.size, sizeof(LeaseBody));
  bool has_record = Reserve(t, Queue::kLease, bytes, &place);
  LeaseBody body{NextToken(t), 0};
  const uint32_t epoch = EpochOf(key.ns);
  uint64_t now = PreciseNowMs(t);
  if (has_record) {
    HeaderCopy header{};
    header.value_bytes = sizeof(LeaseBody);
    header.key_bytes = key.size;
    header.type = RecordType::kLease;
    header.ns = key.ns;
    header.epoch = epoch;
    header.hard_ms = now + std::max<uint64_t>(lease_ms, 1);
    StoreHeader(place.header, header);
    CopyShared(place.key(), key.bytes, key.size);
    CopyShared(place.key() + key.size, &body, sizeof(body));
    CommitRecord(t, Queue::kLease, place, bytes, header.hard_ms);
  }
  Status status = Status::kOk;
  bool took_over = false, announced = false, is_new_slot = false;
  uint32_t failed_before = 0;
  auto decide = [&](Bucket& bucket, Scan& scan) -> Decision {
    const KeyState& k = scan.key;
    now = PreciseNowMs(t);
    took_over = false;
    const TagState tags = k.value_slot >= 0 ? TagsOf(k.value_place, k.value) : TagState::kCurrent;
    const bool usable = k.value_slot >= 0 && HasLife(k.value, epoch, now) && tags != TagState::kGone;
    if (usable && !force && tags == TagState::kCurrent && (k.value.soft_ms == kNever || now < k.value.soft_ms) &&
        !IsDoubtful(k.value_place, k.value)) {
      *fresh = true;
      status = Status::kMiss;
      return {};
    }
    const bool has_error = k.lease_slot >= 0 && k.lease.type == RecordType::kError && now < k.lease.hard_ms;
    const bool is_awaited = has_error && awaited != 0 && k.lease_body.token == awaited;
    if (is_awaited || (has_error && heeds_late && k.lease.epoch == epoch && now < k.lease_body.late_until())) {
      uint32_t error_bytes = std::min(k.lease.value_bytes, k.lease_place.room - kHeaderBytes - key.size);
      error->resize(error_bytes > sizeof(LeaseBody) ? error_bytes - sizeof(LeaseBody) : 0);
      CopyShared(error->data(), k.lease_place.key() + key.size + sizeof(LeaseBody), error->size());
      status = Status::kFlightFailed;
      return {};
    }
    if (IsLeaseLive(t, scan, epoch, now)) {
      *token = k.lease_body.token;
      status = Status::kLeaseBusy;
      return {};
    }
    if (!has_record || EpochOf(key.ns) != epoch) {
      status = has_record ? Status::kLeaseLost : Status::kNoRoom;
      return {};
    }
    status = Status::kOk;
    took_over = k.lease_slot >= 0 && k.lease.type == RecordType::kLease;
    failed_before = has_error && k.lease.epoch == epoch ? k.lease_body.failures() : 0;
    body.granted_over = k.value_slot >= 0 && (usable || k.lease_slot >= 0) ? k.value.version : 0;
    CopyShared(place.key() + key.size, &body, sizeof(body));
    // A version of its own is not needed: it must only not raise the bucket's.
    uint64_t version = std::max<uint64_t>(scan.max_version, 1);
    is_new_slot = k.lease_slot < 0;
    if (k.lease_slot >= 0) return {Act::kPut, k.lease_slot, version};
    if (k.value_slot >= 0 && !usable) return {Act::kPut, k.value_slot, version};
    Decision where = PlaceNew(bucket, scan, now);
    where.version = version;
    return where;
  };
  uint32_t bucket_index = HashRange(key.hash, g_.bucket_count);
  for (;;) {
    Outcome outcome = BucketOp(t, bucket_index, &key, place.location, decide);
    if (outcome.decision.act == Act::kPut) {
      KILL_POINT(lease_granted);
      if (is_new_slot) SetFrequency(buckets_[bucket_index], outcome.decision.slot, 0);
      *token = body.token;
      if (failures != nullptr) *failures = failed_before;
      if (!is_permit) t.Count(Counter::loads);
      if (took_over) t.Count(Counter::lease_takeovers);
      return Status::kOk;
    }
    if (status != Status::kLeaseBusy || announced) break;
    // Announce the wait, then look once more: the holder looks for announcements after it ended the lease, so one
    // of the two sees the other.
    announced = true;
    region_->interest()[key.hash % kInterestStamps].store(NowMs(t) + 2000, kRelaxed);
    Fence(kSeqCst);  // SYNC(lease-interest)
  }
  if (has_record) RollBackRecord(t, Queue::kLease, place);
  // A clear came between reading the epoch and the decision: the lease would have been dead on arrival.
  if (status == Status::kLeaseLost) {
    return Acquire(t, key, lease_ms, force, awaited, token, fresh, error, heeds_late, failures, is_permit);
  }
  if (status == Status::kLeaseBusy) t.Count(Counter::lease_busy);
  return status;
}

Status Table::Abandon(ThreadContext& t, const Key& key, uint64_t token) {
  auto decide = [&](Bucket&, Scan& scan) -> Decision {
    const KeyState& k = scan.key;
    if (k.lease_slot < 0 || k.lease.type != RecordType::kLease || k.lease_body.token != token) return {};
    return {Act::kRemove, k.lease_slot, 0};
  };
  Outcome outcome = BucketOp(t, HashRange(key.hash, g_.bucket_count), &key, 0, decide);
  KILL_POINT(lease_removed);
  NotifyLeaseEnd(key);
  return outcome.decision.act == Act::kRemove ? Status::kOk : Status::kLeaseLost;
}

Status Table::Fail(ThreadContext& t, const Key& key, uint64_t token, const uint8_t* error, uint32_t bytes,
                   uint64_t memo_ms, uint64_t late_ms, uint32_t failures) {
  t.Count(Counter::load_errors);
  uint32_t payload = static_cast<uint32_t>(sizeof(LeaseBody)) + bytes;
  RecordPlace place;
  if (RecordBytes(key.size, payload) > segment_bytes_ / 4 ||
      !Reserve(t, Queue::kLease, RecordBytes(key.size, payload), &place)) {
    return Abandon(t, key, token);
  }
  HeaderCopy header{};
  header.value_bytes = payload;
  header.key_bytes = key.size;
  header.type = RecordType::kError;
  header.ns = key.ns;
  header.epoch = EpochOf(key.ns);
  const uint64_t now = PreciseNowMs(t);
  header.hard_ms = now + std::max<uint64_t>(memo_ms, 1);
  const LeaseBody body = LeaseBody::OfError(token, late_ms == 0 ? 0 : now + late_ms, failures);
  StoreHeader(place.header, header);
  CopyShared(place.key(), key.bytes, key.size);
  CopyShared(place.key() + key.size, &body, sizeof(body));
  CopyShared(place.key() + key.size + sizeof(body), error, bytes);
  CommitRecord(t, Queue::kLease, place, RecordBytes(key.size, payload), header.hard_ms);
  auto decide = [&](Bucket&, Scan& scan) -> Decision {
    const KeyState& k = scan.key;
    if (k.lease_slot < 0 || k.lease.type != RecordType::kLease || k.lease_body.token != token) return {};
    return {Act::kPut, k.lease_slot, std::max<uint64_t>(scan.max_version, 1)};
  };
  Outcome outcome = BucketOp(t, HashRange(key.hash, g_.bucket_count), &key, place.location, decide);
  if (outcome.decision.act != Act::kPut) RollBackRecord(t, Queue::kLease, place);
  NotifyLeaseEnd(key);
  if (outcome.decision.act != Act::kPut) return Status::kLeaseLost;
  KeepQuotas(t, key, place, header);
  return Status::kOk;
}

void Table::NotifyLeaseEnd(const Key& key) {
  Fence(kSeqCst);  // SYNC(lease-interest): the lease's end comes before this look
  uint64_t stamp = region_->interest()[key.hash % kInterestStamps].load(kRelaxed);
  // A stamp from a process with a moved test clock may lie ahead; that only wakes more often.
  if (stamp != 0 && stamp > CoarseMs() - start_ms_) WakeAllWaiters();
}

void Table::WakeAllWaiters() {
  auto& wake = region_->header().lease_wake;
  wake.fetch_add(1, kRelease);  // SYNC(lease-wake)
  FutexWakeAll(wake);
}

}  // namespace strata
