// Units of what lies around the table: sizes, thread slots, counters.
#include <set>

#include "test/native/fixture.h"

namespace strata::test {
namespace {

TEST("geometry: parts lie behind one another, inside the file, and every size is consistent") {
  for (uint64_t memory = 1u << 20; memory <= (uint64_t{1} << 40); memory += memory / 3 + 12345) {
    for (uint32_t entry : {16u, 100u, 256u, 5000u, kMaxValueBytes}) {
      for (uint32_t segment : {0u, 4096u, 65536u, 1u << 20}) {
        Geometry g;
        if (ComputeGeometry({memory, entry, segment}, &g) != Status::kOk) continue;
        CHECK(IsConsistent(g));
        const uint64_t starts[] = {kPage, g.generations_at, g.threads_at, g.stats_at, g.segments_at, g.namespaces_at,
                                   g.names_at, g.interest_at, g.buckets_at, g.ghost_at, g.data_at, g.file_bytes};
        for (size_t i = 1; i < std::size(starts); i++) CHECK(starts[i - 1] <= starts[i] && starts[i] % kPage == 0);
        CHECK(g.data_at + (uint64_t{g.segment_count} << g.segment_shift) <= g.file_bytes);
        CHECK(g.segments_at + uint64_t{g.segment_count} * sizeof(Segment) <= g.namespaces_at);
        CHECK(g.buckets_at + uint64_t{g.bucket_count} * sizeof(Bucket) <= g.ghost_at);
        CHECK((uint64_t{g.segment_count} << g.segment_shift) / kRecordAlign < (uint64_t{1} << 32));
        CHECK(g.segment_count >= kMinSegments && g.ghost_count % 4 == 0 && g.thread_slots <= kMaxThreadSlots);
        if (Failures() != 0) return printf("  memory %llu entry %u\n", static_cast<unsigned long long>(memory), entry), void();
      }
    }
  }
}

TEST("geometry: most of the memory is data") {
  Geometry g;
  CHECK_EQ(ComputeGeometry({64u << 20, 256, 0}, &g), Status::kOk);
  CHECK(static_cast<double>(g.segment_count) * (1u << g.segment_shift) > 0.85 * static_cast<double>(g.file_bytes));
}

TEST("threads: the last slot is the limit, and one that is left is used again") {
  Directory dir;
  auto table = OpenTable(dir.path(), {1u << 20, 1024, 4096});
  const uint32_t slots = table->geometry().thread_slots;
  std::vector<std::unique_ptr<ThreadContext>> all;
  std::set<uint32_t> seen;
  for (uint32_t i = 0; i < slots; i++) {
    all.push_back(std::make_unique<ThreadContext>());
    CHECK_EQ(table->Register(*all.back()), Status::kOk);
    seen.insert(all.back()->slot);
  }
  CHECK_EQ(seen.size(), slots);
  ThreadContext more;
  CHECK_EQ(table->Register(more), Status::kThreadLimit);
  const uint32_t slot = all[5]->slot, life = all[5]->incarnation;
  table->Unregister(*all[5]);
  CHECK(!table->IsAlive(*all[0], slot, life));
  CHECK_EQ(table->Register(more), Status::kOk);
  CHECK_EQ(more.slot, slot);
  CHECK_EQ(more.incarnation, life + 1);
  CHECK(table->IsAlive(*all[0], slot, life + 1) && !table->IsAlive(*all[0], slot, life));
  // Dead without a word: its lock is gone.
  all[7].reset();
  ThreadContext heir;
  CHECK_EQ(table->Register(heir), Status::kOk);
  CHECK_EQ(heir.stats->counters[static_cast<size_t>(Counter::reaped)].load(), 1);
  table->Unregister(heir);
  table->Unregister(more);
  for (auto& t : all) {
    if (t != nullptr) table->Unregister(*t);
  }
}

TEST("threads: what the dead held is repaired once, by whoever comes") {
  Directory dir;
  auto table = OpenTable(dir.path(), {1u << 20, 1024, 4096});
  Session s(*table);
  {
    ThreadContext dead;
    CHECK_EQ(table->Register(dead), Status::kOk);
    const std::string value(100, 'd');
    const Key key = s.MakeKey(value);
    CHECK_EQ(table->Write(dead, key, reinterpret_cast<const uint8_t*>(value.data()), 100, {}, nullptr), Status::kOk);
    uint64_t token;
    bool fresh;
    std::string error;
    const std::string name = "leased";
    CHECK_EQ(table->Acquire(dead, s.MakeKey(name), 60000, false, 0, &token, &fresh, &error), Status::kOk);
    uint64_t busy = 0;
    CHECK_EQ(s.Acquire("leased", &busy), Status::kLeaseBusy);
    CHECK_EQ(table->ReapDead(s.context()), 0);
  }
  uint64_t token = 0;
  CHECK_EQ(s.Acquire("leased", &token), Status::kOk);  // taken over before anybody reaps
  CHECK_EQ(table->Audit(s.context()).owned_by_dead, 2);
  CHECK_EQ(table->ReapDead(s.context()), 1);
  CHECK_EQ(table->ReapDead(s.context()), 0);
  CheckAudit(*table, s.context());
  std::string value;
  CHECK_EQ(s.Get(std::string(100, 'd'), &value), Status::kOk);
}

TEST("threads: who takes a dead one's slot and dies before repairing it leaves no segment behind") {
  Directory dir;
  auto table = OpenTable(dir.path(), {1u << 20, 1024, 4096});
  Session s(*table);
  uint32_t slot, life;
  {
    ThreadContext dead;
    CHECK_EQ(table->Register(dead), Status::kOk);
    const std::string name = "k";
    const Key key = s.MakeKey(name);
    CHECK_EQ(table->Write(dead, key, key.bytes, 1, {}, nullptr), Status::kOk);
    slot = dead.slot;
    life = dead.incarnation;
  }
  // As a registration leaves it that ends right after it showed its new incarnation.
  table->region().threads()[slot].state.store(uint64_t{life + 1} << 32 | 1);
  CHECK_EQ(table->Audit(s.context()).owned_by_dead, 1);
  CHECK_EQ(table->ReapDead(s.context()), 1);
  CheckAudit(*table, s.context());
}

TEST("counters and histograms belong to the slot and outlive their thread") {
  Directory dir;
  auto table = OpenTable(dir.path(), {1u << 20, 1024, 4096});
  ThreadContext t;
  CHECK_EQ(table->Register(t), Status::kOk);
  const uint32_t slot = t.slot;
  t.Count(Counter::l0_hits);
  t.Count(Counter::l0_hits, 41);
  uint64_t recorded = 0;
  uint32_t last = 0;
  for (uint64_t ns = 0; ns < (uint64_t{1} << 62); ns += ns / 4 + 1) {
    t.Record(Histogram::kSet, ns);
    recorded++;
    uint32_t highest = 0;
    for (uint32_t i = 0; i < kHistogramBuckets; i++) {
      if (t.stats->histograms[static_cast<size_t>(Histogram::kSet)][i].load() != 0) highest = i;
    }
    CHECK(highest >= last);
    last = highest;
  }
  t.Record(Histogram::kSet, ~uint64_t{0});
  uint64_t sum = 0;
  for (auto& bucket : t.stats->histograms[static_cast<size_t>(Histogram::kSet)]) sum += bucket.load();
  CHECK_EQ(sum, recorded + 1);
  for (auto& bucket : t.stats->histograms[static_cast<size_t>(Histogram::kGet)]) CHECK_EQ(bucket.load(), 0);
  table->Unregister(t);
  ThreadContext next;
  CHECK_EQ(table->Register(next), Status::kOk);
  CHECK_EQ(next.slot, slot);
  CHECK_EQ(next.stats->counters[static_cast<size_t>(Counter::l0_hits)].load(), 42);
  table->Unregister(next);
}

TEST("counters of entries and bytes follow sets, overwrites, deletes and evictions") {
  Directory dir;
  auto table = OpenTable(dir.path(), {1u << 20, 300, 4096});
  Session s(*table), other(*table);
  auto sum = [&table](Counter counter) {
    uint64_t total = 0;
    for (uint32_t i = 0; i < table->geometry().thread_slots; i++) {
      total += table->region().stats()[i].counters[static_cast<size_t>(counter)].load();
    }
    return total;
  };
  for (int i = 0; i < 9000; i++) {
    Session& one = i % 3 == 0 ? other : s;
    one.Set("key" + std::to_string(i * 7 % 4001), std::string(static_cast<size_t>(i % 500), 'x'));
    if (i % 5 == 0) one.Delete("key" + std::to_string(i % 4001));
    if (i % 100 == 0) one.Set("run" + std::to_string(i), std::string(9000, 'r'));
  }
  AuditReport report = table->Audit(s.context());
  CHECK_EQ(sum(Counter::entries), report.values);
  CHECK_EQ(sum(Counter::live_bytes), report.live_bytes);
  CheckAudit(*table, s.context());
}

TEST("writes: a location alone does not make a value the one that was seen") {
  Directory dir;
  auto table = OpenTable(dir.path(), {1u << 20, 1024, 4096});
  Session s(*table);
  uint64_t version = 0, location = 0;
  CHECK_EQ(s.Set("k", "v", {}, &version), Status::kOk);
  const std::string name = "k";
  table->Read(s.context(), s.MakeKey(name), kReadFresh, [&location](const Hit& hit) {
    location = hit.place.location;
    return true;
  });
  WriteOptions options;
  options.condition = Condition::kLocation;
  options.expected = location;
  options.seen_version = version - 1;  // what lay there before the place was used again
  CHECK_EQ(s.Set("k", "older", options), Status::kConflict);
  options.seen_version = version;
  CHECK_EQ(s.Set("k", "same", options), Status::kOk);
}

}  // namespace
}  // namespace strata::test
