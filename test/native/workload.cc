#include "test/native/workload.h"

#include <cstring>

namespace strata::test {
namespace {

uint64_t Mix(uint64_t a, uint64_t b) { return MultiplyFold(a ^ 0x9e3779b97f4a7c15u, b ^ 0xd6e8feb86659fd93u); }

constexpr uint32_t kLoadedIdentity = 1u << 20;  // so that no loaded key's value passes for a plain one's
constexpr uint32_t kCountedBytes = 32;          // values of this length and more carry their counter

uint64_t PatternBase(uint32_t key, uint64_t counter, uint32_t length) { return Mix(Mix(key, length), counter); }

constexpr uint64_t kPatternStep = 0x9e3779b97f4a7c15u;

// Loaded keys: the first third is set by its owner, the others are invalidated by anybody; of those every second
// lies in a namespace that is cleared.
bool IsOwned(uint32_t i) { return i % 3 == 0; }
bool IsCleared(uint32_t i) { return i % 3 == 1; }

}  // namespace

Worker::Worker(Table& table, ThreadContext& context, Shared& shared, uint64_t seed, uint32_t id, uint32_t workers)
    : table_(table),
      context_(&context),
      shared_(shared),
      state_(Mix(seed, id) | 1),
      id_(id),
      workers_(workers),
      segment_bytes_(1u << table.geometry().segment_shift),
      words_(segment_bytes_ * 6 / 8 + 8),
      remembered_(kHotKeys) {
  if (table_.NamespaceId("cleared", 0, &cleared_ns_) != Status::kOk) shared_.Fail("no namespace");
  if (table_.NamespaceId("bounded", 0, &bounded_ns_) != Status::kOk) shared_.Fail("no namespace");
  const uint64_t data_bytes = uint64_t{table.geometry().segment_count} << table.geometry().segment_shift;
  if (table_.SetQuota(*context_, bounded_ns_, data_bytes / 16) != Status::kOk) shared_.Fail("no quota");
}

void Worker::Flush() {
  shared_.checked.fetch_add(steps_);
  shared_.hits.fetch_add(hits_);
  shared_.loads.fetch_add(loads_);
  shared_.lost.fetch_add(lost_);
  shared_.no_room.fetch_add(no_room_);
  steps_ = hits_ = loads_ = lost_ = no_room_ = 0;
}

uint32_t Worker::PickLength(bool may_be_run) {
  const uint32_t dice = Below(100);
  if (may_be_run) return segment_bytes_ / 2 + Below(segment_bytes_ * 4);
  if (dice < 70) return Below(300);
  if (dice < 95) return Below(std::min(segment_bytes_ / 4, 4096u));
  return Below(segment_bytes_ / 2 + 64);
}

Key Worker::PlainKey(uint32_t i) {
  int size = snprintf(reinterpret_cast<char*>(key_bytes_), sizeof(key_bytes_), "plain:%u", i);
  // Some keys are long, one class as long as can be.
  auto wanted = static_cast<uint32_t>(size);
  if (i % 37 == 5) wanted = i % 5 == 0 ? kMaxKeyBytes : 200;
  std::memset(key_bytes_ + size, 'k', wanted - static_cast<uint32_t>(size));
  return table_.MakeKey(i % 5 == 1 ? bounded_ns_ : 0, key_bytes_, wanted);
}

Key Worker::LoadedKey(uint32_t i) {
  int size = snprintf(reinterpret_cast<char*>(key_bytes_), sizeof(key_bytes_), "loaded:%u", i);
  return table_.MakeKey(IsCleared(i) ? cleared_ns_ : 0, key_bytes_, static_cast<uint32_t>(size));
}

void Worker::Expect(bool holds, const char* what, uint32_t key, uint64_t got, uint64_t floor) {
  if (holds) return;
  shared_.Fail(std::string(what) + ": key " + std::to_string(key) + ", got " + std::to_string(got) + ", floor " +
               std::to_string(floor));
}

// The value is its own checksum: every word follows from key, counter and length.
void Worker::Fill(uint32_t key, uint64_t counter, uint32_t length) {
  if (length < kCountedBytes) counter = 0;
  const uint32_t words = (length + 7) / 8;
  uint64_t word = PatternBase(key, counter, length);
  for (uint32_t i = 0; i < words; i++, word += kPatternStep) words_[i] = word;
  if (length >= kCountedBytes) words_[0] = counter;
}

bool Worker::IsWhole(uint32_t key, uint32_t length, uint64_t* counter) const {
  *counter = length >= kCountedBytes ? words_[0] : 0;
  uint64_t word = PatternBase(key, *counter, length);
  uint64_t difference = 0;
  uint32_t i = 0;
  if (length >= kCountedBytes) i = 1, word += kPatternStep;
  for (; i < length / 8; i++, word += kPatternStep) difference |= words_[i] ^ word;
  return difference == 0 && std::memcmp(&words_[i], &word, length % 8) == 0;
}

Status Worker::Get(const Key& key, uint32_t identity, uint32_t flags, uint64_t* counter, Hit* hit) {
  const uint32_t room = static_cast<uint32_t>(words_.size()) * 8;
  bool is_too_long = false;
  Status status = table_.Read(*context_, key, flags, [&](const Hit& found) {
    is_too_long = found.header.value_bytes > room;
    *hit = found;
    return is_too_long || table_.CopyValue(found, reinterpret_cast<uint8_t*>(words_.data()));
  });
  if (status != Status::kOk) return status;
  Expect(!is_too_long, "value longer than any that was stored", identity, hit->header.value_bytes, room);
  if (is_too_long) return Status::kMiss;
  hits_++;
  Expect(IsWhole(identity, hit->header.value_bytes, counter), "torn or foreign value", identity, *counter,
         hit->header.value_bytes);
  return status;
}

void Worker::PlainRead(uint32_t i) {
  const uint64_t floor = shared_.plain[i].floor.load();
  if (i < kHotKeys && remembered_[i].place.location != 0) {
    const Hit& old = remembered_[i];
    if (table_.IsCurrent(old.slot_id, old.place.location, old.generation)) {
      Expect(2 * old.header.version >= floor, "replaced value still current", i, 2 * old.header.version, floor);
    }
  }
  uint64_t counter = 0;
  Hit hit;
  if (Get(PlainKey(i), i, Below(2) != 0 ? kReadFresh : kReadStaleToo, &counter, &hit) != Status::kOk) return;
  Expect(2 * hit.header.version >= floor, "version went backwards", i, 2 * hit.header.version, floor);
  Raise(shared_.plain[i].floor, 2 * hit.header.version);
  if (i < kHotKeys) remembered_[i] = hit;
}

void Worker::PlainWrite(uint32_t i, uint32_t length) {
  WriteOptions options;
  if (Below(16) == 0) options.hard_ms = table_.NowMs(*context_) + 1 + Below(50);
  if (Below(16) == 0) options.soft_ms = table_.NowMs(*context_) + 1 + Below(20);
  if (Below(8) == 0) options.condition = Condition::kAbsent;
  options.has_fleet = Below(3) == 0;
  options.is_negative = Below(12) == 0;
  options.fleet = {Below(20), table_.Doubt(), 0};
  Fill(i, Random(), length);
  uint64_t version = 0;
  Status status = table_.Write(*context_, PlainKey(i), reinterpret_cast<const uint8_t*>(words_.data()), length, options,
                               &version);
  if (status == Status::kOk) Raise(shared_.plain[i].floor, 2 * version);
  if (status == Status::kNoRoom) no_room_++;
  Expect(status == Status::kOk || status == Status::kNoRoom ||
             (status == Status::kConflict && options.condition != Condition::kNone),
         "write failed", i, static_cast<uint64_t>(status), length);
}

void Worker::PlainRemove(uint32_t i) {
  const uint64_t before = shared_.plain[i].floor.load();
  // With a version of its own nothing that is seen afterwards is below it.
  uint64_t version = 0;
  table_.Delete(*context_, PlainKey(i), Below(2) == 0 ? &version : nullptr);
  Raise(shared_.plain[i].floor, std::max(before | 1, 2 * version + 1));
}

void Worker::PlainCompareAndSet(uint32_t i) {
  uint64_t counter = 0;
  Hit hit;
  if (Get(PlainKey(i), i, kReadStaleToo, &counter, &hit) != Status::kOk) return;
  WriteOptions options;
  options.condition = Condition::kVersion;
  options.expected = hit.header.version;
  const uint32_t length = PickLength(false);
  Fill(i, Random(), length);
  uint64_t version = 0;
  if (table_.Write(*context_, PlainKey(i), reinterpret_cast<const uint8_t*>(words_.data()), length, options, &version) !=
      Status::kOk) {
    return;
  }
  Expect(version > hit.header.version, "compare-and-set did not raise the version", i, version, hit.header.version);
  Raise(shared_.plain[i].floor, 2 * version);
}

void Worker::PlainTouch(uint32_t i) {
  const uint64_t now = table_.NowMs(*context_);
  if (Below(4) == 0) {
    table_.Expire(*context_, PlainKey(i));
  } else {
    table_.Touch(*context_, PlainKey(i), Below(2) != 0 ? kNever : now + 30, Below(2) != 0 ? kNever : now + 60);
  }
}

void Worker::PlainRevalidate(uint32_t i) {
  uint64_t counter = 0;
  Hit hit;
  if (Below(16) == 0) table_.RaiseDoubt();
  const uint32_t doubt = table_.Doubt();
  if (Get(PlainKey(i), i, kReadStaleToo | kReadDoubtToo, &counter, &hit) != Status::kOk) return;
  if (hit.header.fleet_bytes != 0) table_.Revalidated(*context_, PlainKey(i), hit.fleet.word, doubt, nullptr);
}

void Worker::ReadPlainOrWrite(bool runs) {
  const uint32_t dice = Below(100), i = PickKey();
  if (dice < 60) return PlainRead(i);
  if (dice < 88) return PlainWrite(i, PickLength(runs));
  if (dice < 93) return PlainRemove(i);
  if (dice < 97) return PlainCompareAndSet(i);
  if (dice < 99) return PlainTouch(i);
  PlainRevalidate(i);
}

void Worker::LoadedRead(uint32_t i) {
  const uint64_t floor = shared_.loaded[i].floor.load();
  uint64_t counter = 0;
  Hit hit;
  if (Get(LoadedKey(i), kLoadedIdentity + i, kReadFresh, &counter, &hit) != Status::kOk) return;
  Expect(counter >= floor, "an invalidated load came back", i, counter, floor);
  Expect(hit.header.fleet_bytes != 0 && hit.fleet.word == counter, "a value of another fleet version", i, counter,
         hit.header.fleet_bytes != 0 ? hit.fleet.word : 0);
}

// As a reader who asks L2 whether the version he has is still the latest, and L2 is `source`.
void Worker::LoadedRevalidate(uint32_t i) {
  const uint32_t doubt = Below(8) == 0 ? table_.RaiseDoubt() : table_.Doubt();
  uint64_t counter = 0;
  Hit hit;
  const Status status = Get(LoadedKey(i), kLoadedIdentity + i, kReadStaleToo | kReadDoubtToo, &counter, &hit);
  if (status != Status::kOk || hit.fleet.word != shared_.loaded[i].source.load()) return;
  table_.Revalidated(*context_, LoadedKey(i), hit.fleet.word, doubt, nullptr);
}

void Worker::LoadedLoad(uint32_t i) {
  uint64_t token = 0;
  bool fresh = false;
  std::string error;
  const uint64_t lease_ms = Below(4) == 0 ? 1 + Below(4) : 1000;
  Status status = table_.Acquire(*context_, LoadedKey(i), lease_ms, Below(3) == 0, 0, &token, &fresh, &error);
  if (status != Status::kOk) return LoadedRead(i);
  loads_++;
  const uint32_t doubt = table_.Doubt();
  const uint64_t counter = shared_.loaded[i].source.load();
  const uint32_t between = Below(8);
  for (uint32_t n = 0; n < (between == 0 ? 6u : between == 1 ? 1u : 0u); n++) ReadPlainOrWrite(false);
  const uint32_t dice = Below(20);
  if (dice == 0) {
    table_.Abandon(*context_, LoadedKey(i), token);
  } else if (dice == 1) {
    table_.Fail(*context_, LoadedKey(i), token, reinterpret_cast<const uint8_t*>("failed"), 6, 1 + Below(5));
  } else if (dice > 2) {  // 2: never comes back to it
    const uint32_t length = kCountedBytes + PickLength(dice == 3);
    Fill(kLoadedIdentity + i, counter, length);
    WriteOptions options;
    options.lease_token = token;
    options.has_fleet = true;
    options.fleet = {counter, doubt, 0};
    status = table_.Write(*context_, LoadedKey(i), reinterpret_cast<const uint8_t*>(words_.data()), length, options, nullptr);
    if (status == Status::kLeaseLost) lost_++;
    if (status == Status::kNoRoom) no_room_++;
    Expect(status == Status::kOk || status == Status::kLeaseLost || status == Status::kNoRoom, "publish failed", i,
           static_cast<uint64_t>(status), length);
  }
}

void Worker::LoadedChange(uint32_t i) {
  KeyFloor& key = shared_.loaded[i];
  if (IsOwned(i)) {
    if (i % workers_ != id_) return LoadedRead(i);
    const uint64_t counter = key.source.fetch_add(1) + 1;
    if (Below(3) == 0) {
      table_.Delete(*context_, LoadedKey(i));
    } else {
      const uint32_t length = kCountedBytes + PickLength(Below(20) == 0);
      Fill(kLoadedIdentity + i, counter, length);
      WriteOptions options;
      options.has_fleet = true;
      options.fleet = {counter, table_.Doubt(), 0};
      table_.Write(*context_, LoadedKey(i), reinterpret_cast<const uint8_t*>(words_.data()), length, options, nullptr);
    }
    return Raise(key.floor, counter);
  }
  if (IsCleared(i) && Below(16) == 0) {
    uint64_t counters[kLoadedKeys];
    for (uint32_t k = 0; k < kLoadedKeys; k++) {
      counters[k] = IsCleared(k) ? shared_.loaded[k].source.fetch_add(1) + 1 : 0;
    }
    table_.ClearNamespace(cleared_ns_);
    for (uint32_t k = 0; k < kLoadedKeys; k++) {
      if (IsCleared(k)) Raise(shared_.loaded[k].floor, counters[k]);
    }
    return;
  }
  const uint64_t counter = key.source.fetch_add(1) + 1;
  if (Below(2) == 0) {
    table_.Delete(*context_, LoadedKey(i));
  } else {
    table_.Invalidate(*context_, LoadedKey(i), counter, [](uint64_t) { return true; });
  }
  Raise(key.floor, counter);
}

// A second thread slot is taken, used and left, in order or as by death; then the dead are looked for.
void Worker::ComeAndGo() {
  ThreadContext* own = context_;
  {
    ThreadContext other;
    if (table_.Register(other) != Status::kOk) return shared_.Fail("no thread slot");
    context_ = &other;
    for (uint32_t n = Below(6); n > 0; n--) ReadPlainOrWrite(Below(4) == 0);
    if (Below(2) != 0) LoadedLoad(Below(kLoadedKeys));
    context_ = own;
    if (Below(3) == 0) table_.Unregister(other);
  }
  if (Below(2) == 0) table_.ReapDead(*own);
}

void Worker::NameOne() {
  const uint32_t i = Below(kNames);
  uint32_t id = 0, known = 0;
  if (table_.NamespaceId("name" + std::to_string(i), 0, &id) != Status::kOk) return shared_.Fail("namespace refused");
  if (!shared_.name_ids[i].compare_exchange_strong(known, id)) Expect(known == id, "one name, two ids", i, id, known);
}

void Worker::Step(Work work) {
  steps_++;
  if (work == Work::kMixed) {
    const uint32_t dice = Below(1000);
    work = dice < 800 ? Work::kSets : dice < 815 ? Work::kRuns : dice < 990 ? Work::kLeases : dice < 996 ? Work::kReclaim
         : dice < 998 ? Work::kRegister : Work::kNaming;
  }
  switch (work) {
    case Work::kSets: return ReadPlainOrWrite(false);
    case Work::kRuns: return ReadPlainOrWrite(Below(4) != 0);
    case Work::kLeases: {
      const uint32_t i = Below(kLoadedKeys), dice = Below(10);
      if (Below(12) == 0) return LoadedRevalidate(i);
      return dice < 5 ? LoadedRead(i) : dice < 8 ? LoadedLoad(i) : LoadedChange(i);
    }
    case Work::kReclaim:
      if (Below(8) == 0) {
        table_.ReclaimOne(*context_);
      } else if (Below(64) == 0) {
        table_.Recount(*context_);
      } else if (Below(64) == 0) {
        table_.WantCount();
        table_.CountAnew(*context_);
      } else {
        ReadPlainOrWrite(Below(16) == 0);
      }
      return;
    case Work::kRegister: return ComeAndGo();
    case Work::kNaming: return NameOne();
    case Work::kMixed: return;
  }
}

}  // namespace strata::test
