// Units of what ties values to L2: the fleet block, doubt, invalidation. One behaviour each, one thread.
#include "test/native/fixture.h"

namespace strata::test {
namespace {

constexpr uint64_t kMark = (uint64_t{4095} << 40) + 77;
constexpr uint64_t kPendingMark = FleetBlock::kPending | kMark;

std::string Pattern(uint32_t size) {
  std::string value(size, '\0');
  for (uint32_t i = 0; i < size; i++) value[i] = static_cast<char>(i * 31 + size);
  return value;
}

TEST("fleet: values of every size around the segment's limits survive beside their block") {
  Directory dir;
  auto table = OpenTable(dir.path(), {24u << 20, 4096, 0});
  Session s(*table);
  const uint32_t segment = 1u << table->geometry().segment_shift;
  for (const char* key : {"k", "odd", "eight bytes"}) {
    for (uint32_t size : {0u, 1u, 7u, segment / 2 - 64, segment / 2 - 49, segment / 2 - 48, segment / 2 - 33, segment / 2,
                          segment - 80, segment - 64, segment - 48, segment - 1, segment, 2 * segment - 100, 3 * segment,
                          17 * segment + 5}) {
      const std::string value = Pattern(size);
      std::string got;
      FleetBlock block{};
      HeaderCopy header{};
      WriteOptions options;
      options.codec = 4;
      CHECK_EQ(s.SetFleet(key, value, size % 3, options), Status::kOk);
      table->Recount(s.context());  // frees the parts of runs that nobody lists
      CHECK_EQ(s.Get(key, &got, kReadFresh, 0, &header), Status::kOk);
      CHECK(got == value);
      CHECK_EQ(header.value_bytes, size);
      CHECK_EQ(header.codec, 4);
      CHECK_EQ(s.Fleet(key, &block), Status::kOk);
      CHECK_EQ(block.word, size % 3);
      CHECK_EQ(block.doubt, table->Doubt());
    }
  }
  CheckAudit(*table, s.context());
  AuditReport report = table->Audit(s.context());
  CHECK_EQ(report.live_bytes, 3 * (32 + 16 + 17 * segment + 5) + 1 + 3 + 11);
  uint64_t counted = 0;
  for (uint32_t i = 0; i < table->geometry().thread_slots; i++) {
    counted += table->region().stats()[i].counters[static_cast<size_t>(Counter::live_bytes)].load();
  }
  CHECK_EQ(counted, report.live_bytes);
}

TEST("fleet: a block lives as long as its value, through touch, expire and reclaim, and no longer") {
  Directory dir;
  auto table = OpenTable(dir.path(), {4u << 20, 256, 0});
  Session s(*table);
  FleetBlock block{};
  const uint32_t segment = 1u << table->geometry().segment_shift;
  const std::string k = "k";
  for (uint32_t size : {100u, segment * 2}) {
    const std::string value = Pattern(size);
    std::string got;
    const uint64_t now = table->NowMs(s.context());
    WriteOptions options;
    options.soft_ms = now + 100000;
    options.hard_ms = now + 200000;
    CHECK_EQ(s.SetFleet(k, value, kPendingMark, options), Status::kOk);
    CHECK_EQ(table->Touch(s.context(), s.MakeKey(k), now + 300000, now + 400000), Status::kOk);
    CHECK_EQ(table->Expire(s.context(), s.MakeKey(k)), Status::kOk);
    CHECK_EQ(s.Fleet(k, &block), Status::kOk);
    CHECK_EQ(block.word, kPendingMark);
    CHECK(block.is_pending() && block.mark() == kMark);
    CHECK_EQ(table->Touch(s.context(), s.MakeKey(k), kNever, kNever), Status::kOk);
    // Until it was copied by a reclaim, or relabelled if it is a run.
    for (uint32_t i = 0; i < 40000; i++) {
      if (i % 64 == 0) s.Get(k, &got);  // asked for often enough to stay
      CHECK_EQ(s.Set("filler" + std::to_string(i), std::string(200, 'f')), Status::kOk);
    }
    CHECK_EQ(s.Get(k, &got), Status::kOk);
    CHECK(got == value);
    CHECK_EQ(s.Fleet(k, &block), Status::kOk);
    CHECK_EQ(block.word, kPendingMark);
    CHECK_EQ(s.Set(k, "plain"), Status::kOk);
    CHECK_EQ(s.Fleet(k, &block), Status::kMiss);
  }
  CheckAudit(*table, s.context());
}

TEST("fleet: a value of an earlier doubt is seen by those alone who ask for it, until it is revalidated") {
  Directory dir;
  auto table = OpenTable(dir.path(), {4u << 20, 256, 0});
  Session s(*table);
  std::string got;
  FleetBlock block{};
  bool is_doubtful = false;
  CHECK_EQ(s.SetFleet("k", "value", 5), Status::kOk);
  CHECK_EQ(s.Set("plain", "value"), Status::kOk);
  const uint32_t before = table->Doubt();
  CHECK_EQ(table->RaiseDoubt(), before + 1);
  CHECK_EQ(s.Get("plain", &got), Status::kOk);
  CHECK_EQ(s.Get("k", &got), Status::kDoubtful);
  CHECK_EQ(s.Get("k", &got, kReadStaleToo), Status::kDoubtful);
  CHECK_EQ(s.Get("k", &got, kReadStaleToo | kReadDoubtToo), Status::kOk);
  CHECK_EQ(s.Fleet("k", &block, &is_doubtful), Status::kOk);
  CHECK(is_doubtful);
  const std::string k = "k";
  CHECK_EQ(table->Touch(s.context(), s.MakeKey(k), kNever, kNever), Status::kOk);
  CHECK_EQ(s.Get("k", &got), Status::kDoubtful);
  CHECK_EQ(s.Revalidated("k", 4), Status::kMiss);
  CHECK_EQ(s.Revalidated("k", 6), Status::kMiss);
  CHECK_EQ(s.Get("k", &got), Status::kDoubtful);
  CHECK_EQ(s.Revalidated("k", 5), Status::kOk);
  HeaderCopy first{}, second{};
  CHECK_EQ(s.Get("k", &got, kReadFresh, 0, &first), Status::kOk);
  CHECK(got == "value");
  Lives lives{table->NowMs(s.context()) + 1000, table->NowMs(s.context()) + 2000};
  CHECK_EQ(s.Revalidated("k", 5, &lives), Status::kOk);
  CHECK_EQ(s.Get("k", &got, kReadFresh, 0, &second), Status::kOk);
  CHECK_EQ(second.version, first.version);
  CHECK_EQ(second.soft_ms, lives.soft_ms);
  CHECK_EQ(second.hard_ms, lives.hard_ms);
  CHECK_EQ(s.SetFleet("k", "pending", kPendingMark), Status::kOk);
  CHECK_EQ(s.Revalidated("k", kMark), Status::kMiss);
  CHECK_EQ(s.Revalidated("plain", 0), Status::kMiss);
  CheckAudit(*table, s.context());
}

TEST("fleet: doubt skips nought, which stands for none") {
  Directory dir;
  auto table = OpenTable(dir.path(), {4u << 20, 256, 0});
  CHECK_EQ(table->Doubt(), 1);
  table->region().header().doubt.store(~0u);
  CHECK_EQ(table->RaiseDoubt(), 1);
  CHECK_EQ(table->Doubt(), 1);
}

TEST("fleet: a doubtful value is loaded, and a fresh one is not") {
  Directory dir;
  auto table = OpenTable(dir.path(), {4u << 20, 256, 0});
  Session s(*table);
  std::string got;
  uint64_t token = 0;
  CHECK_EQ(s.SetFleet("k", "old", 5), Status::kOk);
  CHECK_EQ(s.Acquire("k", &token), Status::kMiss);
  table->RaiseDoubt();
  CHECK_EQ(s.Acquire("k", &token), Status::kOk);
  CHECK_EQ(s.Revalidated("k", 5), Status::kOk);  // keeps the version, so the load may go on
  CHECK_EQ(s.Publish("k", token, "new"), Status::kOk);
  CHECK_EQ(s.Get("k", &got), Status::kOk);
  CHECK(got == "new");
}

TEST("fleet: an invalidation removes what is older, and neither what is as new nor what is pending") {
  Directory dir;
  auto table = OpenTable(dir.path(), {4u << 20, 256, 0});
  Session s(*table);
  std::string got;
  CHECK(s.Invalidate("k", 6) == Invalidated::kAbsent);
  CHECK_EQ(s.SetFleet("k", "v", 6), Status::kOk);
  CHECK(s.Invalidate("k", 5) == Invalidated::kKept);
  CHECK(s.Invalidate("k", 6) == Invalidated::kKept);
  CHECK_EQ(s.Get("k", &got), Status::kOk);
  CHECK(s.Invalidate("k", 7) == Invalidated::kRemoved);
  CHECK_EQ(s.Get("k", &got), Status::kMiss);
  CHECK_EQ(s.SetFleet("k", "v", kPendingMark), Status::kOk);
  CHECK(s.Invalidate("k", ~uint64_t{0}, kMark - 1) == Invalidated::kKept);
  CHECK_EQ(s.Get("k", &got), Status::kOk);
  CHECK(s.Invalidate("k", 1, kMark) == Invalidated::kRemoved);
  CHECK_EQ(s.Get("k", &got), Status::kMiss);
  CHECK_EQ(s.SetFleet("k", "v", 0), Status::kOk);
  CHECK(s.Invalidate("k", 1) == Invalidated::kRemoved);
  CHECK_EQ(s.Set("k", "v"), Status::kOk);
  CHECK(s.Invalidate("k", 1) == Invalidated::kRemoved);
  CHECK_EQ(s.SetFleet("k", std::string(300000, 'r'), 6), Status::kOk);
  CHECK(s.Invalidate("k", 7) == Invalidated::kRemoved);
  CHECK_EQ(s.Get("k", &got), Status::kMiss);
  CheckAudit(*table, s.context());
  CHECK_EQ(table->Audit(s.context()).segments_run, 0);
}

TEST("fleet: a load that began before an invalidation cannot publish, one that began after can") {
  Directory dir;
  auto table = OpenTable(dir.path(), {4u << 20, 256, 0});
  Session s(*table);
  std::string got;
  uint64_t token = 0, next = 0;
  for (int start = 0; start < 3; start++) {
    if (start == 1) CHECK_EQ(s.SetFleet("k", "old", 5), Status::kOk);
    if (start == 2) CHECK_EQ(s.Set("k", "old"), Status::kOk);
    CHECK_EQ(s.Acquire("k", &token, 10000, true), Status::kOk);
    CHECK(s.Invalidate("k", 6) == (start == 0 ? Invalidated::kAbsent : Invalidated::kRemoved));
    CHECK_EQ(table->Audit(s.context()).leases, 0);
    CHECK_EQ(s.Acquire("k", &next), Status::kOk);
    CHECK_EQ(s.Publish("k", token, "outdated"), Status::kLeaseLost);
    CHECK_EQ(s.Get("k", &got), Status::kMiss);
    CHECK_EQ(s.Publish("k", next, "new"), Status::kOk);
    CHECK_EQ(s.Delete("k"), Status::kOk);
  }
  CHECK_EQ(s.SetFleet("k", "as new", 6), Status::kOk);
  CHECK_EQ(s.Acquire("k", &token, 10000, true), Status::kOk);
  CHECK(s.Invalidate("k", 6) == Invalidated::kKept);
  CHECK_EQ(s.Publish("k", token, "loaded"), Status::kOk);
  CheckAudit(*table, s.context());
}

TEST("fleet: epochs of the fleet add up to the root and end what was there before") {
  Directory dir;
  auto table = OpenTable(dir.path(), {4u << 20, 256, 0});
  Session s(*table);
  uint32_t a = 0, ab = 0, c = 0;
  std::string got;
  CHECK_EQ(table->NamespaceId("a", 0, &a), Status::kOk);
  CHECK_EQ(table->NamespaceId("b", a, &ab), Status::kOk);
  CHECK_EQ(table->NamespaceId("c", 0, &c), Status::kOk);
  CHECK_EQ(s.Set("k", "v", {}, nullptr, ab), Status::kOk);
  table->SetFleetEpoch(0, 100);
  table->SetFleetEpoch(a, 20);
  table->SetFleetEpoch(ab, 3);
  CHECK_EQ(table->FleetEpochOf(ab), 123);
  CHECK_EQ(table->FleetEpochOf(a), 120);
  CHECK_EQ(table->FleetEpochOf(c), 100);
  table->SetFleetEpoch(0, ~0u);
  CHECK_EQ(table->FleetEpochOf(ab), 22);
  CHECK_EQ(s.Get("k", &got, kReadFresh, ab), Status::kMiss);
  CHECK_EQ(s.Set("k", "v", {}, nullptr, ab), Status::kOk);
  table->SetFleetEpoch(c, 1);
  CHECK_EQ(s.Get("k", &got, kReadFresh, ab), Status::kOk);
}

}  // namespace
}  // namespace strata::test
