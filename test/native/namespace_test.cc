// Namespaces: limits, separators, and names registered by many threads at once.
#include <set>
#include <thread>

#include "test/native/fixture.h"
#include "test/native/options.h"

namespace strata::test {
namespace {

TEST("namespaces: names, lengths, depth and number have limits") {
  Directory dir;
  auto table = OpenTable(dir.path(), {1u << 20, 1024, 4096});
  uint32_t id = 0, parent = 0;
  CHECK_EQ(table->NamespaceId("", 0, &id), Status::kNamespaceLimit);
  CHECK_EQ(table->NamespaceId(std::string(129, 'n'), 0, &id), Status::kNamespaceLimit);
  CHECK_EQ(table->NamespaceId(std::string(128, 'n'), 0, &id), Status::kOk);
  CHECK_EQ(table->NamespaceId("x", 1024, &id), Status::kNamespaceLimit);
  uint32_t depth = 0;
  while (table->NamespaceId("deeper", parent, &id) == Status::kOk) parent = id, depth++;
  CHECK_EQ(depth, kMaxNamespaceDepth - 1);
  uint32_t made = 0;
  while (table->NamespaceId("n" + std::to_string(made), 0, &id) == Status::kOk) made++;
  CHECK_EQ(made + depth + 1, kMaxNamespaces - 1);
  std::set<uint32_t> ids;
  for (uint32_t i = 0; i < made; i++) {
    CHECK_EQ(table->NamespaceId("n" + std::to_string(i), 0, &id), Status::kOk);
    ids.insert(id);
  }
  CHECK_EQ(ids.size(), made);
}

TEST("namespaces: separators in names and keys never make two places one") {
  Directory dir;
  auto table = OpenTable(dir.path(), {4u << 20, 256, 4096});
  Session s(*table);
  uint32_t users = 0, archive = 0, below = 0;
  CHECK_EQ(table->NamespaceId("users", 0, &users), Status::kOk);
  CHECK_EQ(table->NamespaceId("users:archive", 0, &archive), Status::kOk);
  CHECK_EQ(table->NamespaceId("archive", users, &below), Status::kOk);
  s.Set("archive:k", "1", {}, nullptr, users);
  s.Set("k", "2", {}, nullptr, archive);
  s.Set("k", "3", {}, nullptr, below);
  s.Set("users:archive:k", "4");
  std::string one, two, three, four;
  CHECK_EQ(s.Get("archive:k", &one, kReadFresh, users), Status::kOk);
  CHECK_EQ(s.Get("k", &two, kReadFresh, archive), Status::kOk);
  CHECK_EQ(s.Get("k", &three, kReadFresh, below), Status::kOk);
  CHECK_EQ(s.Get("users:archive:k", &four), Status::kOk);
  CHECK(one + two + three + four == "1234");
}

// Registers names in many threads at once; every name must have one id, and every id its own name.
void RaceNames(uint32_t names) {
  Directory dir;
  auto table = OpenTable(dir.path(), {1u << 20, 1024, 4096});
  constexpr uint32_t kThreads = 4;
  std::vector<std::vector<uint32_t>> ids(kThreads, std::vector<uint32_t>(names));
  auto name_of = [](uint32_t i) { return "name" + std::to_string(i); };
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < kThreads; t++) {
    threads.emplace_back([&, t] {
      for (uint32_t n = 0; n < names; n++) {
        const uint32_t i = (n * 17 + t * 5) % names;
        if (table->NamespaceId(name_of(i), 0, &ids[t][i]) != Status::kOk) ids[t][i] = 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<uint32_t> distinct;
  uint32_t known = 0;
  for (uint32_t i = 0; i < names; i++) {
    uint32_t id = 0, now = 0;
    for (uint32_t t = 0; t < kThreads; t++) {
      if (ids[t][i] == 0) continue;
      CHECK(id == 0 || id == ids[t][i]);
      id = ids[t][i];
    }
    if (id == 0) continue;
    known++;
    distinct.insert(id);
    CHECK_EQ(table->NamespaceId(name_of(i), 0, &now), Status::kOk);
    CHECK_EQ(now, id);
  }
  CHECK_EQ(distinct.size(), known);
  CHECK(known > 0);
}

TEST("walk: meets each fresh value once, by its namespace, whose name it can tell") {
  Directory dir;
  auto table = OpenTable(dir.path(), {4u << 20, 256, 4096});
  Session s(*table);
  uint32_t users = 0, below = 0;
  CHECK_EQ(table->NamespaceId("users", 0, &users), Status::kOk);
  CHECK_EQ(table->NamespaceId("below", users, &below), Status::kOk);
  for (int i = 0; i < 300; i++) s.Set("k" + std::to_string(i), "value", {}, nullptr, i % 2 == 0 ? users : below);
  s.Set("cleared", "value");
  table->ClearNamespace(0);
  for (int i = 0; i < 300; i++) s.Set("k" + std::to_string(i), std::string(i, 'x'), {}, nullptr, i % 2 == 0 ? users : below);
  std::set<std::string> met;
  uint32_t count = 0;
  for (uint32_t from = 0; from < table->geometry().bucket_count; from += 7) {
    table->Walk(s.context(), from, 7, [&](const Scanned& value) {
      std::string key(reinterpret_cast<const char*>(value.key), value.key_bytes);
      const int i = std::stoi(key.substr(1));
      CHECK_EQ(value.ns, i % 2 == 0 ? users : below);
      CHECK_EQ(value.value_bytes, static_cast<uint32_t>(i));
      CHECK(value.heat <= 7);
      met.insert(key);
      count++;
    });
  }
  CHECK_EQ(count, 300u);
  CHECK_EQ(met.size(), 300u);
  std::string name;
  uint32_t parent = 7;
  CHECK(table->NamespaceName(below, &name, &parent));
  CHECK(name == "below" && parent == users);
  CHECK(!table->NamespaceName(0, &name, &parent));
  CHECK(!table->NamespaceName(below + 1, &name, &parent));
  CHECK(!table->NamespaceName(kMaxNamespaces, &name, &parent));
}

TEST("namespaces: one name, one id, whoever asks first") {
  for (uint64_t n = 0; n < Scaled(20); n++) RaceNames(50);
}

TEST("namespaces: a full pool of names refuses, it does not overwrite") {
  for (uint64_t n = 0; n < Scaled(30) && Failures() == 0; n++) {
    Directory dir;
    auto table = OpenTable(dir.path(), {1u << 20, 1024, 4096});
    auto& used = table->region().header().name_pool_used;
    uint32_t id = 0;
    for (uint32_t i = 0; used.load() + 128 + 90 <= kNamePoolBytes; i++) {
      std::string name = std::to_string(i);
      name.resize(128, '-');
      CHECK_EQ(table->NamespaceId(name, 0, &id), Status::kOk);
    }
    // Two ask for what soon no longer fits, while a third fills the rest with short names.
    Atomic<uint32_t> stop{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 2; t++) {
      threads.emplace_back([&table, &stop, t] {
        uint32_t ignored = 0;
        const std::string name = "long" + std::to_string(t) + std::string(t == 0 ? 120 : 100, 'x');
        while (stop.load() == 0) table->NamespaceId(name, 0, &ignored);
      });
    }
    std::vector<uint32_t> ids(60);
    for (uint32_t i = 0; i < ids.size(); i++) {
      if (table->NamespaceId("s" + std::to_string(i), 0, &ids[i]) != Status::kOk) ids[i] = 0;
    }
    stop.store(1);
    for (std::thread& thread : threads) thread.join();
    for (uint32_t i = 0; i < ids.size(); i++) {
      if (ids[i] == 0) continue;
      id = 0;
      CHECK_EQ(table->NamespaceId("s" + std::to_string(i), 0, &id), Status::kOk);
      CHECK_EQ(id, ids[i]);
    }
    CHECK(used.load() <= kNamePoolBytes);
  }
}

}  // namespace
}  // namespace strata::test
