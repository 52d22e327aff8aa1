// Quotas: what counts, what gives way to whom, and that the figures are exact whoever writes, counts and dies.
#include <thread>

#include "test/native/fixture.h"
#include "test/native/options.h"

namespace strata::test {
namespace {

struct Spaces {
  uint32_t outer = 0, inner = 0, other = 0;
  explicit Spaces(Table& table) {
    CHECK_EQ(table.NamespaceId("outer", 0, &outer), Status::kOk);
    CHECK_EQ(table.NamespaceId("inner", outer, &inner), Status::kOk);
    CHECK_EQ(table.NamespaceId("other", 0, &other), Status::kOk);
  }
};

uint64_t BytesOf(Table& table, uint32_t ns) {
  for (const QuotaState& state : table.Quotas()) {
    if (state.ns == ns) return state.bytes;
  }
  return ~uint64_t{0};
}

constexpr uint64_t BytesOfEntry(size_t key, size_t value) { return kHeaderBytes + key + value; }

void CountAll(Table& table, ThreadContext& context) {
  for (int n = 0; n < 10 && table.IsCountDue(); n++) table.CountAnew(context);
  CHECK(!table.IsCountDue());
}

WriteOptions Negative() {
  WriteOptions options;
  options.is_negative = true;
  return options;
}

TEST("quotas: what a namespace and those below it hold is counted to the byte") {
  Directory dir;
  auto table = OpenTable(dir.path(), {4u << 20, 256, 4096});
  Session s(*table);
  Spaces ns(*table);
  CHECK_EQ(table->SetQuota(s.context(), ns.outer, 1u << 20), Status::kOk);
  CHECK_EQ(table->SetQuota(s.context(), ns.inner, 1u << 20), Status::kOk);
  s.Set("a", std::string(100, 'v'), {}, nullptr, ns.outer);
  s.Set("bb", std::string(200, 'v'), {}, nullptr, ns.inner);
  s.Set("a", std::string(300, 'v'), {}, nullptr, ns.other);
  const uint64_t inner = BytesOfEntry(2, 200);
  CHECK_EQ(BytesOf(*table, ns.inner), inner);
  CHECK_EQ(BytesOf(*table, ns.outer), inner + BytesOfEntry(1, 100));
  s.Set("a", std::string(7, 'v'), {}, nullptr, ns.outer);
  CHECK_EQ(BytesOf(*table, ns.outer), inner + BytesOfEntry(1, 7));
  s.Set("run", std::string(20000, 'v'), {}, nullptr, ns.outer);
  CHECK_EQ(BytesOf(*table, ns.outer), inner + BytesOfEntry(1, 7) + BytesOfEntry(3, 20000));
  table->Touch(s.context(), s.MakeKey("run", ns.outer), kNever, kNever);
  CHECK_EQ(BytesOf(*table, ns.outer), inner + BytesOfEntry(1, 7) + BytesOfEntry(3, 20000));
  s.Delete("run", ns.outer);
  s.Delete("a", ns.outer);
  s.Delete("a", ns.outer);
  CHECK_EQ(BytesOf(*table, ns.outer), inner);
  CountAll(*table, s.context());
  CHECK_EQ(BytesOf(*table, ns.outer), inner);
  CheckAudit(*table, s.context());
  CHECK(table->PathOf(ns.inner) == "outer/inner");
}

TEST("quotas: what was there before there was a quota is counted") {
  Directory dir;
  auto table = OpenTable(dir.path(), {4u << 20, 256, 4096});
  Session s(*table);
  Spaces ns(*table);
  for (int i = 0; i < 100; i++) s.Set("key" + std::to_string(i), "value", {}, nullptr, ns.inner);
  CHECK_EQ(table->SetQuota(s.context(), ns.outer, 1u << 20), Status::kOk);
  CHECK(table->IsCountDue());
  CountAll(*table, s.context());
  CHECK_EQ(BytesOf(*table, ns.outer), 10 * BytesOfEntry(4, 5) + 90 * BytesOfEntry(5, 5));
  CheckAudit(*table, s.context());
  CHECK_EQ(table->SetQuota(s.context(), ns.outer, kNoLimit), Status::kOk);
  CHECK_EQ(BytesOf(*table, ns.outer), ~uint64_t{0});
}

TEST("quotas: a full namespace gives up entries of its own, and no others") {
  Directory dir;
  auto table = OpenTable(dir.path(), {8u << 20, 256, 4096});
  Session s(*table);
  Spaces ns(*table);
  constexpr uint64_t kLimit = 64u << 10;
  CHECK_EQ(table->SetQuota(s.context(), ns.outer, kLimit), Status::kOk);
  CountAll(*table, s.context());
  for (int i = 0; i < 1000; i++) s.Set("key" + std::to_string(i), std::string(100, 'o'), {}, nullptr, ns.other);
  std::string read;
  for (int i = 0; i < 20000; i++) {
    const std::string key = "key" + std::to_string(i);
    CHECK_EQ(s.Set(key, std::string(100, 'v'), {}, nullptr, i % 2 == 0 ? ns.outer : ns.inner), Status::kOk);
    CHECK_EQ(s.Get(key, &read, kReadFresh, i % 2 == 0 ? ns.outer : ns.inner), Status::kOk);
    if (BytesOf(*table, ns.outer) > kLimit) Fail(__FILE__, __LINE__, "more than the limit");
  }
  CHECK(BytesOf(*table, ns.outer) > kLimit / 2);
  int kept = 0;
  for (int i = 0; i < 1000; i++) kept += s.Get("key" + std::to_string(i), &read, kReadFresh, ns.other) == Status::kOk;
  CHECK(kept >= 990);  // some buckets overflow
  s.Set("small", "v", {}, nullptr, ns.inner);
  CHECK_EQ(s.Set("small", std::string(kLimit, 'v'), {}, nullptr, ns.inner), Status::kNoRoom);
  CHECK_EQ(s.Get("small", &read, kReadFresh, ns.inner), Status::kMiss);
  CHECK(BytesOf(*table, ns.outer) > kLimit / 2);
  CheckAudit(*table, s.context());
}

TEST("quotas: what is read stays, what is not goes first") {
  Directory dir;
  auto table = OpenTable(dir.path(), {8u << 20, 256, 4096});
  Session s(*table);
  Spaces ns(*table);
  CHECK_EQ(table->SetQuota(s.context(), ns.outer, 64u << 10), Status::kOk);
  CountAll(*table, s.context());
  std::string read;
  int hits = 0, reads = 0;
  for (int i = 0; i < 20000; i++) {
    const std::string hot = "hot" + std::to_string(i % 100);
    reads++;
    if (s.Get(hot, &read, kReadFresh, ns.outer) == Status::kOk) hits++;
    else s.Set(hot, std::string(100, 'v'), {}, nullptr, ns.outer);
    if (i % 2 == 0) s.Set("cold" + std::to_string(i), std::string(100, 'v'), {}, nullptr, ns.outer);
  }
  CHECK(hits > reads * 95 / 100);
}

TEST("quotas: a flood of negative entries and of errors stays within its share, and costs no values") {
  Directory dir;
  auto table = OpenTable(dir.path(), {4u << 20, 256, 4096});
  Session s(*table);
  std::string read;
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < 2000; i++) {
      if (round == 0) s.Set("hit" + std::to_string(i), std::string(200, 'v'));
      s.Get("hit" + std::to_string(i), &read);
    }
  }
  const uint64_t limit = table->Quotas()[0].limit;
  CHECK(limit > 0 && limit < (1u << 20));
  for (uint64_t i = 0; i < Scaled(100000); i++) {
    const std::string key = "unknown" + std::to_string(i);
    uint64_t token = 0;
    CHECK_EQ(s.Acquire(key, &token), Status::kOk);
    WriteOptions options = Negative();
    options.lease_token = token;
    if (i % 4 == 0) {
      table->Fail(s.context(), s.MakeKey(key), token, reinterpret_cast<const uint8_t*>("failed"), 6, 100000);
    } else {
      CHECK_EQ(s.Set(key, "n", options), Status::kOk);
      CHECK_EQ(s.Get(key, &read), Status::kOk);
    }
    if (table->Quotas()[0].bytes > limit) Fail(__FILE__, __LINE__, "more than the limit");
  }
  CHECK(table->Quotas()[0].bytes > limit / 2);
  int kept = 0;
  for (int i = 0; i < 2000; i++) kept += s.Get("hit" + std::to_string(i), &read) == Status::kOk;
  printf("  %d of 2000 values kept\n", kept);
  CHECK(kept >= 1960);
  CheckAudit(*table, s.context());
}

TEST("quotas: a value in place of a negative entry, and the other way round, change what counts") {
  Directory dir;
  auto table = OpenTable(dir.path(), {4u << 20, 256, 4096});
  Session s(*table);
  auto negatives = [&] { return table->Quotas()[0].bytes; };
  s.Set("k", "n", Negative());
  CHECK_EQ(negatives(), BytesOfEntry(1, 1));
  s.Set("k", "value");
  CHECK_EQ(negatives(), 0);
  s.Set("k", "nn", Negative());
  // Written again as it is.
  CHECK_EQ(table->Touch(s.context(), s.MakeKey("k"), kNever, kNever), Status::kOk);
  CHECK_EQ(negatives(), BytesOfEntry(1, 2));
  table->SetNegativeQuota(10);
  CHECK_EQ(s.Set("l", "n", Negative()), Status::kNoRoom);
  std::string read;
  CHECK_EQ(s.Get("l", &read), Status::kMiss);
  s.Delete("k");
  CHECK_EQ(negatives(), 0);
}

TEST("quotas: who dies between a change and its counting costs one count") {
  Directory dir;
  auto table = OpenTable(dir.path(), {4u << 20, 256, 4096});
  Session s(*table);
  Spaces ns(*table);
  table->SetQuota(s.context(), ns.outer, 1u << 20);
  CountAll(*table, s.context());
  s.Set("k", "value", {}, nullptr, ns.outer);
  {
    ThreadContext dying;
    CHECK_EQ(table->Register(dying), Status::kOk);
    table->region().threads()[dying.slot].bucket_hint.store(1);
    for (uint32_t i = 0; i < 4; i++) table->region().quotas()[1].bytes[i].fetch_add(12345);
  }
  CHECK(!table->IsCountDue());
  CHECK_EQ(table->ReapDead(s.context()), 1u);
  CHECK(table->IsCountDue());
  CountAll(*table, s.context());
  CHECK_EQ(BytesOf(*table, ns.outer), BytesOfEntry(1, 5));
  CheckAudit(*table, s.context());
}

TEST("quotas: counts beside writers are exact") {
  Directory dir;
  auto table = OpenTable(dir.path(), {2u << 20, 256, 4096});
  Spaces ns(*table);
  Session s(*table);
  table->SetQuota(s.context(), ns.inner, 100u << 10);
  Atomic<uint32_t> running{3};
  std::vector<std::thread> threads;
  for (uint32_t id = 0; id < 3; id++) {
    threads.emplace_back([&, id] {
      Session s(*table);
      uint64_t random = Seed() * 0x9e3779b97f4a7c15u + id;
      auto below = [&random](uint64_t n) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        return (random >> 33) % n;
      };
      const uint32_t spaces[] = {ns.outer, ns.inner, ns.other};
      std::string read;
      for (uint64_t n = 0; n < Scaled(300000); n++) {
        const std::string key = "key" + std::to_string(below(3000));
        const uint32_t space = spaces[below(3)];
        const uint64_t dice = below(100);
        // Some have a quota only from now on.
        if (n == 5000 && id == 0) table->SetQuota(s.context(), ns.outer, 200u << 10);
        if (dice < 40) s.Get(key, &read, kReadFresh, space);
        else if (dice < 85) s.Set(key, std::string(below(400), 'v'), below(5) == 0 ? Negative() : WriteOptions{}, nullptr, space);
        else if (dice < 98) s.Delete(key, space);
        else if (below(20) == 0) s.Set(key, std::string(5000, 'v'), {}, nullptr, space);
      }
      running.fetch_sub(1);
    });
  }
  uint32_t counts = 0;
  while (running.load() != 0) {
    table->WantCount();
    counts += table->CountAnew(s.context()) ? 1 : 0;
    table->ReclaimOne(s.context());
  }
  for (std::thread& thread : threads) thread.join();
  printf("  %u counts, seed %llu\n", counts, static_cast<unsigned long long>(Seed()));
  CHECK(counts > 0);
  // As they stand, and counted once more.
  for (int n = 0; n < 2; n++) {
    CheckAudit(*table, s.context());
    table->WantCount();
    CountAll(*table, s.context());
  }
}

TEST("quotas: a change that falls between a count's look at its bucket and its stamp is counted once") {
  Directory dir;
  auto table = OpenTable(dir.path(), {1u << 20, 16384, 4096});
  Spaces ns(*table);
  Session s(*table);
  table->SetQuota(s.context(), ns.outer, 1u << 20);
  CountAll(*table, s.context());
  for (uint32_t round = 0; round < 20; round++) {
    Atomic<uint32_t> running{2};
    std::vector<std::thread> threads;
    for (uint32_t id = 0; id < 2; id++) {
      threads.emplace_back([&, id] {
        Session writer(*table);
        const std::string key = "key" + std::to_string(id);
        for (uint64_t n = 0; n < Scaled(20000); n++) {
          writer.Set(key, std::string(n % 97, 'v'), {}, nullptr, ns.outer);
        }
        running.fetch_sub(1);
      });
    }
    while (running.load() != 0) {
      table->WantCount();
      table->CountAnew(s.context());
    }
    for (std::thread& thread : threads) thread.join();
    CountAll(*table, s.context());
    CheckAudit(*table, s.context());
  }
}

TEST("quotas: there is room for some, and each is asked for once") {
  Directory dir;
  auto table = OpenTable(dir.path(), {1u << 20, 1024, 4096});
  Session s(*table);
  uint32_t id = 0;
  for (uint32_t i = 1; i < kMaxQuotas; i++) {
    CHECK_EQ(table->NamespaceId("n" + std::to_string(i), 0, &id), Status::kOk);
    CHECK_EQ(table->SetQuota(s.context(), id, 1000), Status::kOk);
    CHECK_EQ(table->SetQuota(s.context(), id, 2000), Status::kOk);
  }
  CHECK_EQ(table->Quotas().size(), kMaxQuotas);
  CHECK_EQ(table->NamespaceId("one more", 0, &id), Status::kOk);
  CHECK_EQ(table->SetQuota(s.context(), id, 1000), Status::kNamespaceLimit);
}

}  // namespace
}  // namespace strata::test
