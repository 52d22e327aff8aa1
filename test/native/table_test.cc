// Units of the table: one behaviour each, one thread.
#include "test/native/fixture.h"

namespace strata::test {
namespace {

TEST("a stored value is read back whole") {
  Directory dir;
  auto table = OpenTable(dir.path(), {4u << 20, 256, 0});
  Session s(*table);
  std::string value;
  CHECK_EQ(s.Get("a", &value), Status::kMiss);
  CHECK_EQ(s.Set("a", "one"), Status::kOk);
  CHECK_EQ(s.Get("a", &value), Status::kOk);
  CHECK(value == "one");
  CHECK_EQ(s.Set("a", std::string(5000, 'x')), Status::kOk);
  CHECK_EQ(s.Get("a", &value), Status::kOk);
  CHECK(value == std::string(5000, 'x'));
  CHECK_EQ(s.Set("empty", ""), Status::kOk);
  CHECK_EQ(s.Get("empty", &value), Status::kOk);
  CHECK(value.empty());
  CHECK_EQ(s.Delete("a"), Status::kOk);
  CHECK_EQ(s.Delete("a"), Status::kMiss);
  CHECK_EQ(s.Get("a", &value), Status::kMiss);
  CheckAudit(*table, s.context());
}

TEST("versions rise through overwrite, delete and re-insertion") {
  Directory dir;
  auto table = OpenTable(dir.path(), {4u << 20, 256, 0});
  Session s(*table);
  uint64_t last = 0, version = 0;
  for (int i = 0; i < 100; i++) {
    CHECK_EQ(s.Set("k", std::to_string(i), {}, &version), Status::kOk);
    CHECK(version > last);
    last = version;
    if (i % 3 == 0) s.Delete("k");
  }
  CHECK(version < (uint64_t{1} << 53));
}

TEST("values of every size around the segment's limits survive") {
  Directory dir;
  auto table = OpenTable(dir.path(), {24u << 20, 4096, 0});
  Session s(*table);
  const uint32_t segment = 1u << table->geometry().segment_shift;
  for (uint32_t size : {0u, 1u, segment / 2 - 64, segment / 2 - 33, segment / 2 - 32, segment / 2, segment - 64, segment - 1,
                        segment, segment + 1, 2 * segment - 100, 3 * segment, 17 * segment + 5, 4u << 20}) {
    std::string value(size, '\0'), got;
    for (uint32_t i = 0; i < size; i++) value[i] = static_cast<char>(i * 31 + size);
    CHECK_EQ(s.Set("big", value), Status::kOk);
    CHECK_EQ(s.Get("big", &got), Status::kOk);
    CHECK(got == value);
  }
  CHECK_EQ(s.Set("big", std::string(table->max_value_bytes() + 1, 'x')), Status::kTooLarge);
  std::string nothing;
  CHECK_EQ(s.Get("big", &nothing), Status::kMiss);  // what could not be stored must not leave an older value behind
  CheckAudit(*table, s.context());
  AuditReport report = table->Audit(s.context());
  CHECK_EQ(report.segments_run, 0);
}

TEST("a full table evicts and keeps answering") {
  Directory dir;
  auto table = OpenTable(dir.path(), {4u << 20, 256, 0});
  Session s(*table);
  int present = 0;
  std::string value;
  for (int i = 0; i < 60000; i++) {
    CHECK_EQ(s.Set("key" + std::to_string(i), "value" + std::to_string(i) + std::string(180, 'p')), Status::kOk);
    if (i % 7 == 0) s.Get("key" + std::to_string(i / 2), &value);
  }
  for (int i = 0; i < 60000; i++) {
    if (s.Get("key" + std::to_string(i), &value) != Status::kOk) continue;
    present++;
    CHECK(value == "value" + std::to_string(i) + std::string(180, 'p'));
  }
  printf("  present %d\n", present);
  CHECK(present > 8000);
  CheckAudit(*table, s.context());
}

TEST("runs are evicted one by one and their segments come back") {
  Directory dir;
  auto table = OpenTable(dir.path(), {16u << 20, 4096, 0});
  Session s(*table);
  std::string value;
  for (int i = 0; i < 500; i++) {
    CHECK_EQ(s.Set("r" + std::to_string(i), std::string(100000 + i, static_cast<char>('a' + i % 26))), Status::kOk);
    CHECK_EQ(s.Get("r" + std::to_string(i), &value), Status::kOk);
    CHECK_EQ(value.size(), 100000 + i);
  }
  int present = 0;
  for (int i = 0; i < 500; i++) present += s.Get("r" + std::to_string(i), &value) == Status::kOk;
  printf("  present %d\n", present);
  CHECK(present > 60);
  CheckAudit(*table, s.context());
}

TEST("clear drops a namespace and those below it, and no other") {
  Directory dir;
  auto table = OpenTable(dir.path(), {4u << 20, 256, 0});
  Session s(*table);
  uint32_t a = 0, b = 0, ab = 0, again = 0;
  CHECK_EQ(table->NamespaceId("a", 0, &a), Status::kOk);
  CHECK_EQ(table->NamespaceId("b", 0, &b), Status::kOk);
  CHECK_EQ(table->NamespaceId("b", a, &ab), Status::kOk);
  CHECK_EQ(table->NamespaceId("a", 0, &again), Status::kOk);
  CHECK_EQ(again, a);
  CHECK(ab != b);
  for (uint32_t ns : {0u, a, b, ab}) CHECK_EQ(s.Set("k", std::to_string(ns), {}, nullptr, ns), Status::kOk);
  table->ClearNamespace(a);
  std::string value;
  CHECK_EQ(s.Get("k", &value, kReadFresh, a), Status::kMiss);
  CHECK_EQ(s.Get("k", &value, kReadFresh, ab), Status::kMiss);
  CHECK_EQ(s.Get("k", &value, kReadFresh, b), Status::kOk);
  CHECK(value == std::to_string(b));
  CHECK_EQ(s.Get("k", &value), Status::kOk);
  table->ClearNamespace(0);
  CHECK_EQ(s.Get("k", &value, kReadFresh, b), Status::kMiss);
}

TEST("a load that began before a set, delete or clear cannot publish") {
  Directory dir;
  auto table = OpenTable(dir.path(), {4u << 20, 256, 0});
  Session s(*table), other(*table);
  std::string value;
  uint64_t token = 0, busy = 0;
  CHECK_EQ(s.Acquire("k", &token), Status::kOk);
  CHECK_EQ(other.Acquire("k", &busy), Status::kLeaseBusy);
  CHECK(busy == token);
  CHECK_EQ(s.Publish("k", token, "loaded"), Status::kOk);
  CHECK_EQ(other.Get("k", &value), Status::kOk);
  CHECK(value == "loaded");
  CHECK_EQ(s.Publish("k", token, "again"), Status::kLeaseLost);

  CHECK_EQ(s.Acquire("k", &token, 10000, true), Status::kOk);
  CHECK_EQ(other.Set("k", "newer"), Status::kOk);
  CHECK_EQ(s.Publish("k", token, "older"), Status::kLeaseLost);
  CHECK_EQ(s.Get("k", &value), Status::kOk);
  CHECK(value == "newer");

  CHECK_EQ(s.Acquire("k", &token, 10000, true), Status::kOk);
  CHECK_EQ(other.Delete("k"), Status::kOk);
  CHECK_EQ(s.Publish("k", token, "older"), Status::kLeaseLost);
  CHECK_EQ(s.Get("k", &value), Status::kMiss);

  CHECK_EQ(s.Acquire("cold", &token), Status::kOk);
  CHECK_EQ(other.Delete("cold"), Status::kMiss);
  CHECK_EQ(s.Publish("cold", token, "older"), Status::kLeaseLost);

  CHECK_EQ(s.Acquire("cold", &token), Status::kOk);
  table->ClearNamespace(0);
  CHECK_EQ(s.Publish("cold", token, "older"), Status::kLeaseLost);
  CHECK_EQ(s.Get("cold", &value), Status::kMiss);

  CHECK_EQ(s.Acquire("cold", &token), Status::kOk);
  CHECK_EQ(other.Set("cold", "set"), Status::kOk);
  CHECK_EQ(other.Delete("cold"), Status::kOk);
  CHECK_EQ(s.Publish("cold", token, "older"), Status::kLeaseLost);
  CheckAudit(*table, s.context());
}

TEST("a failed load reaches those who waited for it, and nobody else") {
  Directory dir;
  auto table = OpenTable(dir.path(), {4u << 20, 256, 0});
  Session s(*table), other(*table);
  uint64_t token = 0, busy = 0, mine = 0;
  std::string error;
  CHECK_EQ(s.Acquire("k", &token), Status::kOk);
  CHECK_EQ(other.Acquire("k", &busy), Status::kLeaseBusy);
  const std::string name = "k";
  Key key = s.MakeKey(name);
  CHECK_EQ(table->Fail(s.context(), key, token, reinterpret_cast<const uint8_t*>("boom"), 4, 500), Status::kOk);
  CHECK_EQ(other.Acquire("k", &mine, 10000, false, busy, &error), Status::kFlightFailed);
  CHECK(error == "boom");
  CHECK_EQ(other.Acquire("k", &mine), Status::kOk);
  CHECK_EQ(table->Abandon(other.context(), key, mine), Status::kOk);
}

TEST("a failure told to all reaches those who come late, and its count whoever loads next") {
  Directory dir;
  auto table = OpenTable(dir.path(), {4u << 20, 256, 0});
  Session s(*table), other(*table);
  const std::string name = "k";
  Key key = s.MakeKey(name);
  uint64_t token = 0;
  uint32_t failures = 9;
  bool fresh = false;
  std::string error;
  const auto* boom = reinterpret_cast<const uint8_t*>("boom");
  CHECK_EQ(s.Acquire("k", &token), Status::kOk);
  CHECK_EQ(table->Fail(s.context(), key, token, boom, 4, 5000, 1000, 3), Status::kOk);
  CHECK_EQ(table->Acquire(other.context(), key, 10000, true, 0, &token, &fresh, &error, true, &failures), Status::kFlightFailed);
  CHECK(error == "boom");
  other.context().clock_offset_ms = 2000;
  CHECK_EQ(table->Acquire(other.context(), key, 10000, false, 0, &token, &fresh, &error, true, &failures), Status::kOk);
  CHECK_EQ(failures, 3u);
  CHECK_EQ(table->Fail(other.context(), key, token, boom, 4, 5000, 1000, 4), Status::kOk);
  other.context().clock_offset_ms = 8000;
  CHECK_EQ(table->Acquire(other.context(), key, 10000, false, 0, &token, &fresh, &error, true, &failures), Status::kOk);
  CHECK_EQ(failures, 0u);
}

TEST("a lease passes on when its deadline is over") {
  Directory dir;
  auto table = OpenTable(dir.path(), {4u << 20, 256, 0});
  Session s(*table), other(*table);
  uint64_t first = 0, second = 0;
  CHECK_EQ(s.Acquire("k", &first, 1000), Status::kOk);
  CHECK_EQ(other.Acquire("k", &second), Status::kLeaseBusy);
  other.context().clock_offset_ms = 1001;
  CHECK_EQ(other.Acquire("k", &second), Status::kOk);
  CHECK_EQ(s.Publish("k", first, "late"), Status::kLeaseLost);
  CHECK_EQ(other.Publish("k", second, "good"), Status::kOk);
}

TEST("soft and hard expiry follow the clock") {
  Directory dir;
  auto table = OpenTable(dir.path(), {4u << 20, 256, 0});
  Session s(*table);
  WriteOptions life;
  uint64_t now = table->NowMs(s.context());
  life.soft_ms = now + 1000;
  life.hard_ms = now + 5000;
  std::string value;
  CHECK_EQ(s.Set("k", "v", life), Status::kOk);
  CHECK_EQ(s.Get("k", &value), Status::kOk);
  s.context().clock_offset_ms = 1001;
  CHECK_EQ(s.Get("k", &value), Status::kStale);
  CHECK_EQ(s.Get("k", &value, kReadStaleToo), Status::kOk);
  const std::string name = "k";
  CHECK_EQ(table->Touch(s.context(), s.MakeKey(name), now + 4000, now + 6000), Status::kOk);
  CHECK_EQ(s.Get("k", &value), Status::kOk);
  s.context().clock_offset_ms = 7000;
  CHECK_EQ(s.Get("k", &value, kReadStaleToo), Status::kMiss);
  CHECK_EQ(table->Touch(s.context(), s.MakeKey(name), 0, 0), Status::kMiss);
}

TEST("conditional writes hold or leave the key as it was") {
  Directory dir;
  auto table = OpenTable(dir.path(), {4u << 20, 256, 0});
  Session s(*table);
  WriteOptions add;
  add.condition = Condition::kAbsent;
  uint64_t version = 0, second = 0;
  std::string value;
  CHECK_EQ(s.Set("k", "first", add, &version), Status::kOk);
  CHECK_EQ(s.Set("k", "second", add), Status::kConflict);
  WriteOptions cas;
  cas.condition = Condition::kVersion;
  cas.expected = version;
  CHECK_EQ(s.Set("k", "third", cas, &second), Status::kOk);
  CHECK_EQ(s.Set("k", "fourth", cas), Status::kConflict);
  CHECK_EQ(s.Get("k", &value), Status::kOk);
  CHECK(value == "third");
}

TEST("a put if newer stores above every version the key has had, and never below") {
  Directory dir;
  auto table = OpenTable(dir.path(), {4u << 20, 256, 0});
  Session s(*table);
  uint64_t version = 0, stored = 0;
  std::string value;
  CHECK_EQ(s.Set("k", "first", {}, &version), Status::kOk);
  WriteOptions newer;
  newer.condition = Condition::kNewer;
  newer.expected = version;
  CHECK_EQ(s.Set("k", "same", newer), Status::kConflict);
  newer.expected = version + 10;
  CHECK_EQ(s.Set("k", "second", newer, &stored), Status::kOk);
  CHECK_EQ(stored, version + 10);
  CHECK_EQ(s.Delete("k"), Status::kOk);
  newer.expected = version + 5;
  CHECK_EQ(s.Set("k", "older than the deleted", newer), Status::kConflict);
  CHECK_EQ(s.Get("k", &value), Status::kMiss);
  newer.expected = version + 11;
  CHECK_EQ(s.Set("k", "third", newer), Status::kOk);
  newer.expected = uint64_t{1} << 53;
  CHECK_EQ(s.Set("k", "too high", newer), Status::kConflict);
  CHECK_EQ(s.Get("k", &value), Status::kOk);
  CHECK(value == "third");
}

TEST("a run whose part list does not fit its head leaves the key absent") {
  Directory dir;
  auto table = OpenTable(dir.path(), {24u << 20, 4096, 4096});
  Session s(*table);
  std::string value;
  CHECK_EQ(s.Set("k", "older"), Status::kOk);
  CHECK_EQ(s.Set("k", std::string(4u << 20, 'x')), Status::kTooLarge);
  CHECK_EQ(s.Get("k", &value), Status::kMiss);
  CheckAudit(*table, s.context());
}

}  // namespace
}  // namespace strata::test
