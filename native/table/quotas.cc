// Quotas: how many bytes the entries of a namespace, or all negative ones, may have; exact, whoever dies when.
//
// Whoever has changed a bucket adds the difference to each quota the change is about. Who is killed before he has done so
// leaves `bucket_hint` in his slot; the reaper then wants everything counted anew. A count walks the buckets beside those who
// change them: it stamps each with its own number and the bucket's sequence, and looks whether the sequence still stands. A
// change of a later sequence is not in the count and is added to it; an earlier one is in it, even if who made it has stopped
// since and counts it only now. So a count is exact from its end on, and the one before stays in use until then.
//
// Between the stamp and that look a change may come. So the stamp is open at first. Who has made a later change and finds it
// open moves it on by a CAS, and adds nothing to that count; the count closes it by a CAS, which then fails, and looks at the
// bucket again. Whichever of the two is first, the change is in the count once.
//
// Counts have numbers and 4 words each, by number modulo 4. Who was so slow that the word he added to may have come into
// other hands wants another count.
#include <algorithm>

#include "shm/futex.h"
#include "table/bucket.h"

namespace strata {
namespace {

constexpr uint32_t kWords = 4;
constexpr uint32_t kNegativeShare = 20;
// More is evicted than has to be, so that few writes look for something.
constexpr uint32_t kSlackShare = 16;
// How far one write looks. In half of them what was read since is spared.
constexpr uint32_t kMaxVisits = 8192;
constexpr uint32_t kStride = 8;
constexpr uint32_t kSequenceBits = 25;
constexpr uint32_t kOpen = 1u << kSequenceBits;

constexpr uint32_t Stamp(uint16_t count, uint32_t sequence) {
  return uint32_t{count} << (kSequenceBits + 1) | (sequence & (kOpen - 1));
}

constexpr bool IsOf(uint32_t stamp, uint16_t count) { return stamp >> (kSequenceBits + 1) == (count & 63u); }

// Of two sequences that are not half a turn apart.
constexpr bool IsAfter(uint32_t sequence, uint32_t stamp) {
  return static_cast<int32_t>((sequence - stamp) << (32 - kSequenceBits)) > 0;
}

uint16_t NextCount(CountWord counts) {
  auto next = static_cast<uint16_t>(counts.begun() + 1);
  if (next % kWords == counts.complete() % kWords) next++;
  return next;
}

}  // namespace

template <class Visit>
void Table::ForQuotas(const HeaderCopy& header, bool is_used, const Visit& visit) const {
  const bool is_value = header.type == RecordType::kValue;
  if (header.type == RecordType::kError || (is_value && header.is_negative)) visit(0);
  if (!is_value || !is_used) return;
  const NamespaceEntry* entries = region_->namespaces();
  for (uint32_t ns = header.ns, depth = 0; ns < kMaxNamespaces && depth <= kMaxNamespaceDepth; depth++) {
    const uint32_t quota = entries[ns].quota.load(kAcquire);  // SYNC(count)
    if (quota != 0 && quota < kMaxQuotas) visit(quota);
    if (ns == 0) break;
    ns = static_cast<uint32_t>(entries[ns].word.load(kRelaxed) >> 32) & 0xffff;
  }
}

bool Table::IsCharged(const HeaderCopy& header, uint32_t quota) const {
  bool is_charged = false;
  ForQuotas(header, quota != 0, [&](uint32_t each) { is_charged = is_charged || each == quota; });
  return is_charged;
}

void Table::Charge(const HeaderCopy& header, uint64_t* bytes_by_quota) const {
  ForQuotas(header, true, [&](uint32_t quota) { bytes_by_quota[quota] += header.content_bytes(); });
}

void Table::CountQuotas(Bucket& bucket, uint32_t sequence, CountWord before, const HeaderCopy* old_header,
                        const HeaderCopy* new_header) {
  auto may_count = [](const HeaderCopy* header) {
    return header != nullptr && (header->is_negative || header->type == RecordType::kError);
  };
  CountWord counts = Counts();
  if (!counts.is_used() && !may_count(old_header) && !may_count(new_header)) return;
  uint32_t stamp;
  bool is_after_begun;
  for (;;) {
    stamp = bucket.counted.load(kSeqCst);  // SYNC(count)
    const CountWord again = Counts();
    if (again.raw != counts.raw) {
      counts = again;
      continue;
    }
    is_after_begun = counts.complete() != counts.begun() && IsOf(stamp, counts.begun()) && IsAfter(sequence, stamp);
    if (!is_after_begun || (stamp & kOpen) == 0) break;
    // SYNC(count): seq_cst. The count that finds it moved looks at the bucket after this change.
    const uint32_t moved = Stamp(counts.begun(), sequence) | kOpen;
    if (bucket.counted.compare_exchange_strong(stamp, moved, kSeqCst, kSeqCst)) break;
  }
  const uint16_t complete = counts.complete(), begun = counts.begun();
  const bool is_begun = is_after_begun && (stamp & kOpen) == 0;
  // A count that was complete before the change has not got it.
  bool is_complete = before.complete() == complete;
  if (!is_complete) {
    if (IsOf(stamp, complete)) is_complete = IsAfter(sequence, stamp);
    else if (is_after_begun) is_complete = true;
    else WantCount();
  }
  auto add = [&](uint32_t quota, uint64_t by) {
    // SYNC(count): seq_cst. Before the look at what counts there are by then.
    if (is_complete) quotas_[quota].bytes[complete % kWords].fetch_add(by, kSeqCst);
    if (is_begun) quotas_[quota].bytes[begun % kWords].fetch_add(by, kSeqCst);
  };
  const bool is_used = counts.is_used();
  const bool is_alike = old_header != nullptr && new_header != nullptr && old_header->type == new_header->type &&
                        old_header->ns == new_header->ns && old_header->is_negative == new_header->is_negative;
  if (is_alike) {
    const uint64_t by = new_header->content_bytes() - old_header->content_bytes();
    if (by != 0) ForQuotas(*new_header, is_used, [&](uint32_t quota) { add(quota, by); });
  } else {
    if (new_header != nullptr) ForQuotas(*new_header, is_used, [&](uint32_t quota) { add(quota, new_header->content_bytes()); });
    if (old_header != nullptr) ForQuotas(*old_header, is_used, [&](uint32_t quota) { add(quota, -old_header->content_bytes()); });
  }
  KILL_POINT(quota_counted);
  const CountWord after = Counts();
  const auto begun_since = static_cast<uint16_t>(after.begun() - begun);
  if (begun_since > 1 || (begun_since == 1 && after.complete() != complete)) WantCount();
}

void Table::CountBucket(ThreadContext& t, uint32_t bucket_index, uint16_t count, uint64_t* sums) {
  Bucket& bucket = buckets_[bucket_index];
  struct Charge {
    uint32_t quota;
    uint64_t bytes;
  };
  std::vector<Charge> charges;
  for (;;) {
    Intent seen{bucket.intent.load(kAcquire)};  // SYNC(intent)
    if (!seen.is_idle()) {
      Help(t, bucket, seen);
      continue;
    }
    charges.clear();
    for (const auto& slot : bucket.slots) {
      SlotWord word{slot.load(kAcquire)};  // SYNC(slot-publish)
      RecordPlace place;
      if (!Locate(word.location(), &place)) continue;
      const HeaderCopy header = LoadHeader(place.header);
      ForQuotas(header, true, [&](uint32_t quota) { charges.push_back({quota, header.content_bytes()}); });
    }
    // SYNC(count): seq_cst, all three. Who changes the bucket after the look at the intent sees the stamp.
    uint32_t stamp = Stamp(count, seen.sequence()) | kOpen;
    bucket.counted.store(stamp, kSeqCst);
    KILL_POINT(count_stamped);
    if (bucket.intent.load(kSeqCst) != seen.raw) continue;
    if (bucket.counted.compare_exchange_strong(stamp, stamp & ~kOpen, kSeqCst, kSeqCst)) break;
  }
  for (const Charge& charge : charges) sums[charge.quota] += charge.bytes;
}

bool Table::CountAnew(ThreadContext& t) {
  auto& word = region_->header().count;
  if (!t.lock.TryLock(kLockCount)) return false;
  CountWord counts = Counts();
  if (counts.is_due()) {
    uint16_t count;
    do {
      count = NextCount(counts);
    } while (!word.compare_exchange_weak(
        counts.raw, (counts.raw & CountWord::kUsed) | uint64_t{count} << 16 | counts.complete(), kSeqCst, kSeqCst));
    KILL_POINT(count_begun);
    // After that: who adds to these words for an earlier count looks afterwards and sees this one.
    for (uint32_t q = 0; q < kMaxQuotas; q++) quotas_[q].bytes[count % kWords].store(0, kSeqCst);
    std::vector<uint64_t> sums(kMaxQuotas, 0);
    for (uint32_t b = 0; b < g_.bucket_count; b++) CountBucket(t, b, count, sums.data());
    for (uint32_t q = 0; q < kMaxQuotas; q++) {
      if (sums[q] != 0) quotas_[q].bytes[count % kWords].fetch_add(sums[q], kSeqCst);
    }
    KILL_POINT(count_summed);
    counts = Counts();
    // Wanted again meanwhile stays wanted.
    while (!word.compare_exchange_weak(counts.raw, (counts.raw & ~uint64_t{0xffff}) | count, kSeqCst, kSeqCst)) {
    }
  }
  t.lock.Unlock(kLockCount);
  return !IsCountDue();
}

Status Table::SetQuota(ThreadContext& t, uint32_t ns, uint64_t limit) {
  NamespaceEntry& entry = region_->namespaces()[ns % kMaxNamespaces];
  uint32_t quota = entry.quota.load(kAcquire);  // SYNC(count)
  const bool is_new = quota == 0 || quota >= kMaxQuotas;
  if (is_new && limit == kNoLimit) return Status::kOk;
  if (is_new) {
    for (quota = 1; quota < kMaxQuotas; quota++) {
      uint32_t owner = 0;
      if (quotas_[quota].ns.compare_exchange_strong(owner, ns + 1, kAcqRel, kAcquire) || owner == ns + 1) break;
    }
    if (quota == kMaxQuotas) return Status::kNamespaceLimit;
    KILL_POINT(quota_taken);
  }
  quotas_[quota].limit.store(limit == kNoLimit ? 0 : std::max<uint64_t>(limit, 1), kRelaxed);
  if (!is_new) return Status::kOk;
  // Who dies between the two leaves the count to the reaper; which bucket the hint names does not matter.
  Atomic<uint32_t>& hint = region_->threads()[t.slot].bucket_hint;
  hint.store(1, kRelaxed);
  // SYNC(count): seq_cst, in this order. A change that does not see them is in the count that begins afterwards.
  region_->header().count.fetch_or(CountWord::kUsed, kSeqCst);
  entry.quota.store(quota, kSeqCst);
  KILL_POINT(quota_named);
  WantCount();
  hint.store(0, kRelease);
  auto& wake = region_->header().janitor_wake;
  wake.fetch_add(1, kRelaxed);
  FutexWakeAll(wake);
  return Status::kOk;
}

void Table::SetNegativeQuota(uint64_t limit) { quotas_[0].limit.store(limit, kRelaxed); }

uint64_t Table::LimitOf(uint32_t quota) const {
  const uint64_t limit = quotas_[quota].limit.load(kRelaxed);
  if (limit != 0) return limit;
  return quota == 0 ? data_bytes_ / kNegativeShare : kNoLimit;
}

uint64_t Table::BytesOf(uint32_t quota) const {
  // Below zero while changes of others are counted in another order than they were made.
  const uint64_t bytes = quotas_[quota].bytes[Counts().complete() % kWords].load(kRelaxed);
  return static_cast<int64_t>(bytes) < 0 ? 0 : bytes;
}

std::vector<QuotaState> Table::Quotas() const {
  std::vector<QuotaState> states{{kMaxNamespaces, LimitOf(0), BytesOf(0)}};
  for (uint32_t quota = 1; quota < kMaxQuotas; quota++) {
    const uint32_t owner = quotas_[quota].ns.load(kAcquire);  // SYNC(count)
    if (owner == 0) break;
    const uint64_t limit = LimitOf(quota);
    if (limit != kNoLimit && owner <= kMaxNamespaces) states.push_back({owner - 1, limit, BytesOf(quota)});
  }
  return states;
}

std::string Table::PathOf(uint32_t ns) const {
  std::string path;
  for (uint32_t depth = 0; ns != 0 && ns < kMaxNamespaces && depth <= kMaxNamespaceDepth; depth++) {
    const uint64_t word = region_->namespaces()[ns].word.load(kAcquire);  // SYNC(namespace)
    const uint32_t at = static_cast<uint32_t>(word) - 1;
    const auto length = static_cast<uint32_t>(word >> 48);
    if (length > kMaxNamespaceBytes || at > kNamePoolBytes - length) break;
    std::string name(length, '\0');
    CopyShared(name.data(), region_->names() + at, length);
    path = path.empty() ? name : name + '/' + path;
    ns = static_cast<uint32_t>(word >> 32) & 0xffff;
  }
  return path;
}

// Makes room for the record that was just put, of its own kind only; takes it back if there is none.
Status Table::KeepQuotas(ThreadContext& t, const Key& key, const RecordPlace& place, const HeaderCopy& header) {
  const CountWord counts = Counts();
  if (!counts.is_used() && !header.is_negative && header.type == RecordType::kValue) return Status::kOk;
  const uint64_t bytes = header.content_bytes();
  bool is_kept = true;
  ForQuotas(header, counts.is_used(), [&](uint32_t quota) {
    const uint64_t limit = LimitOf(quota);
    if (!is_kept || BytesOf(quota) <= limit) return;
    if (bytes <= limit) EvictOf(t, quota, std::max(bytes, limit - limit / kSlackShare), place.location);
    is_kept = bytes <= limit && BytesOf(quota) <= limit;
  });
  if (is_kept) return Status::kOk;
  auto remove = [&](Bucket&, Scan& scan) -> Decision {
    for (int i = 0; i < static_cast<int>(kSlotsPerBucket); i++) {
      if (scan.words[i].location() == place.location) return {Act::kRemove, i, 0};
    }
    return {};
  };
  if (BucketOp(t, HashRange(key.hash, g_.bucket_count), nullptr, 0, remove).decision.act == Act::kRemove) {
    t.Count(Counter::evictions_quota);
  }
  return Status::kNoRoom;
}

// Clock: a hand that goes around the buckets, and takes a count of frequency where it finds one.
void Table::EvictOf(ThreadContext& t, uint32_t quota, uint64_t down_to, uint32_t spared) {
  const uint32_t visits = std::min(kMaxVisits, 2 * g_.bucket_count);
  for (uint32_t n = 0; n < visits && BytesOf(quota) > down_to; n += kStride) {
    const uint32_t from = quotas_[quota].hand.fetch_add(kStride, kRelaxed);
    for (uint32_t i = 0; i < kStride && BytesOf(quota) > down_to; i++) {
      EvictIn(t, (from + i) % g_.bucket_count, quota, spared, n * 2 >= visits);
    }
  }
}

void Table::EvictIn(ThreadContext& t, uint32_t bucket_index, uint32_t quota, uint32_t spared, bool is_last_round) {
  Bucket& bucket = buckets_[bucket_index];
  RecordPlace places[kSlotsPerBucket];
  uint32_t count = 0;
  for (const auto& slot : bucket.slots) {
    SlotWord word{slot.load(kAcquire)};  // SYNC(slot-publish): hints, looked at again below
    if (word.location() == spared || !Locate(word.location(), &places[count])) continue;
    __builtin_prefetch(places[count++].header);
  }
  for (uint32_t p = 0; p < count; p++) {
    if (!IsCharged(LoadHeader(places[p].header), quota)) continue;
    int warm = -1;
    bool is_usable = false;
    auto decide = [&](Bucket& b, Scan& scan) -> Decision {
      warm = -1;
      for (int i = 0; i < static_cast<int>(kSlotsPerBucket); i++) {
        if (scan.words[i].location() != places[p].location) continue;
        const HeaderCopy header = LoadHeader(places[p].header);
        if (!IsCharged(header, quota)) return {};
        is_usable = IsUsable(places[p], header, EpochOf(header.ns), NowMs(t));
        if (!is_last_round && is_usable && FrequencyOf(b, i) > 0) {
          warm = i;
          return {};
        }
        return {Act::kRemove, i, 0};
      }
      return {};
    };
    if (BucketOp(t, bucket_index, nullptr, 0, decide).decision.act == Act::kRemove) {
      t.Count(is_usable ? Counter::evictions_quota : Counter::expirations);
    } else if (warm >= 0) {
      SetFrequency(bucket, warm, FrequencyOf(bucket, warm) - 1);
    }
  }
}

}  // namespace strata
