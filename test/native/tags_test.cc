// Tags: what a clear ends, what it leaves, and that nothing cleared is ever seen again, whoever races.
#include <algorithm>
#include <thread>

#include "test/native/fixture.h"
#include "test/native/options.h"

namespace strata::test {
namespace {

struct Tagged {
  TagBlock block;
  WriteOptions options;

  // REQUIRES: stays where it is while the options are in use.
  Tagged(uint64_t clock, std::initializer_list<uint16_t> slots) {
    block.clock = clock;
    options.tags = &block;
    options.tag_bytes = TagBlock::BytesOf(static_cast<uint32_t>(slots.size()));
    std::fill(std::begin(block.slots), std::end(block.slots), *slots.begin());
    std::copy(slots.begin(), slots.end(), block.slots);
  }
};

TEST("tags: a clear ends the records of its slot, plain, with a fleet block, and as runs") {
  Directory dir;
  auto table = OpenTable(dir.path(), {4u << 20, 256, 4096});
  Session s(*table);
  Tagged one(0, {1, 2, 3, 4, 5}), other(0, {6});
  for (size_t bytes : {0, 10, 3000, 40000}) {
    const std::string value(bytes, 'v');
    CHECK_EQ(s.Set("one", value, one.options), Status::kOk);
    CHECK_EQ(s.Set("other", value, other.options), Status::kOk);
    CHECK_EQ(s.SetFleet("fleet", value, 7, one.options), Status::kOk);
    std::string read;
    for (const char* key : {"one", "other", "fleet"}) {
      CHECK_EQ(s.Get(key, &read), Status::kOk);
      CHECK(read == value);
    }
    table->ClearTag(5, TagClear::kDelete);
    CHECK_EQ(s.Get("one", &read), Status::kMiss);
    CHECK_EQ(s.Get("fleet", &read, kReadStaleToo | kReadDoubtToo), Status::kMiss);
    CHECK_EQ(s.Get("other", &read), Status::kOk);
    CHECK_EQ(s.Delete("one"), Status::kMiss);
  }
  CheckAudit(*table, s.context());
}

TEST("tags: an expired record is stale with grace, and gone without") {
  Directory dir;
  auto table = OpenTable(dir.path(), {4u << 20, 256, 4096});
  Session s(*table);
  Tagged graced(0, {1}), graceless(0, {1}), endless(0, {1});
  const uint64_t now = table->NowMs(s.context());
  graced.options.soft_ms = graceless.options.soft_ms = graceless.options.hard_ms = now + 1000000;
  graced.options.hard_ms = now + 2000000;
  s.Set("graced", "v", graced.options);
  s.Set("graceless", "v", graceless.options);
  s.Set("endless", "v", endless.options);
  table->ClearTag(1, TagClear::kExpire);
  std::string read;
  CHECK_EQ(s.Get("graced", &read), Status::kStale);
  CHECK_EQ(s.Get("graced", &read, kReadStaleToo), Status::kOk);
  CHECK_EQ(s.Get("graceless", &read, kReadStaleToo), Status::kMiss);
  CHECK_EQ(s.Get("endless", &read, kReadStaleToo), Status::kMiss);
  uint64_t token = 0;
  CHECK_EQ(s.Acquire("graced", &token), Status::kOk);
  // A new life is none for what the tag has lost.
  CHECK_EQ(table->Touch(s.context(), s.MakeKey("graced"), now + 3000000, now + 4000000), Status::kOk);
  CHECK_EQ(s.Get("graced", &read), Status::kStale);
  table->ClearTag(1, TagClear::kDelete);
  CHECK_EQ(s.Get("graced", &read, kReadStaleToo), Status::kMiss);
}

TEST("tags: a lease publishes what holds as of its clock, and nothing that was cleared since") {
  Directory dir;
  auto table = OpenTable(dir.path(), {4u << 20, 256, 4096});
  Session s(*table);
  for (TagClear kind : {TagClear::kDelete, TagClear::kExpire}) {
    uint64_t token = 0;
    CHECK_EQ(s.Acquire("k", &token), Status::kOk);
    Tagged late(table->TagClock(), {3, 9}), fine(table->TagClock(), {3, 8});
    table->ClearTag(9, kind);
    late.options.lease_token = fine.options.lease_token = token;
    CHECK_EQ(s.Set("k", "late", late.options), Status::kLeaseLost);
    CHECK_EQ(s.Set("k", "fine", fine.options), Status::kOk);
    std::string read;
    CHECK_EQ(s.Get("k", &read), Status::kOk);
    CHECK(read == "fine");
    s.Delete("k");
  }
}

TEST("tags: slots beyond those a region has are folded, and clears of the fleet keep the highest sequence") {
  Directory dir;
  auto table = OpenTable(dir.path(), {1u << 20, 256, 4096});
  Session s(*table);
  CHECK_EQ(table->geometry().tag_slots, 256);
  Tagged high(0, {0x1234});
  s.Set("k", "v", high.options);
  std::string read;
  table->ClearTag(0x35, TagClear::kDelete);
  CHECK_EQ(s.Get("k", &read), Status::kOk);
  table->ClearTag(0x34, TagClear::kDelete);
  CHECK_EQ(s.Get("k", &read), Status::kMiss);
  const uint16_t slot = 0x34;
  CHECK(table->NoteFleetClear(slot, TagClear::kDelete, 9));
  CHECK(!table->NoteFleetClear(slot, TagClear::kDelete, 8));
  CHECK(table->FleetTagsSince(&slot, 1, 8) == TagState::kGone);
  CHECK(table->FleetTagsSince(&slot, 1, 9) == TagState::kCurrent);
  table->ResetFleetEpochs(1);
  CHECK(table->FleetTagsSince(&slot, 1, 0) == TagState::kCurrent);
}

// Of each tag one thread makes all clears, and counts them when they begin and when they are done. A value holds how many
// had begun when its load had; who reads it later must not have seen more of them done before he began.
struct Race {
  static constexpr uint16_t kTags = 3;
  static constexpr uint32_t kKeys = 6;
  Atomic<uint64_t> begun[kTags]{}, done[kTags]{};
  Atomic<uint64_t> hits{0}, wrong{0}, lost{0};
};

void RunRace(Table& table, Race& race, uint16_t id, uint64_t steps) {
  Session s(table);
  uint64_t random = Seed() * 0x9e3779b97f4a7c15u + id;
  auto below = [&random](uint64_t n) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    return (random >> 33) % n;
  };
  for (uint64_t n = 0; n < steps; n++) {
    const std::string key = "key" + std::to_string(below(Race::kKeys));
    const auto tag = static_cast<uint16_t>(below(Race::kTags));
    const uint64_t dice = below(16);
    if (dice == 0 && id < Race::kTags) {
      race.begun[id].fetch_add(1);
      table.ClearTag(id, below(2) != 0 ? TagClear::kDelete : TagClear::kExpire);
      race.done[id].fetch_add(1);
    } else if (dice < 5) {
      const bool is_load = dice < 3;
      uint64_t token = 0;
      if (is_load && s.Acquire(key, &token, 10000, true) != Status::kOk) continue;
      Tagged options(table.TagClock(), {tag});
      const std::string value = std::to_string(tag) + " " + std::to_string(race.begun[tag].load());
      options.options.lease_token = token;
      const Status status = s.Set(key, value, options.options);
      if (status != Status::kOk) race.lost.fetch_add(1);
      if (is_load && status != Status::kOk) table.Abandon(s.context(), s.MakeKey(key), token);
    } else {
      uint64_t done[Race::kTags];
      for (uint16_t t = 0; t < Race::kTags; t++) done[t] = race.done[t].load();
      std::string value;
      if (s.Get(key, &value) != Status::kOk) continue;
      race.hits.fetch_add(1);
      const size_t space = value.find(' ');
      if (std::stoull(value.substr(space)) < done[std::stoul(value)]) race.wrong.fetch_add(1);
    }
  }
}

TEST("tags: nothing that was cleared is seen again, whoever loads, writes, clears and reads at once") {
  Directory dir;
  auto table = OpenTable(dir.path(), {2u << 20, 64, 4096});
  Race race;
  std::vector<std::thread> threads;
  for (uint16_t id = 0; id < 4; id++) {
    threads.emplace_back([&, id] { RunRace(*table, race, id, Scaled(300000)); });
  }
  for (std::thread& thread : threads) thread.join();
  printf("  %llu hits, %llu lost, seed %llu\n", static_cast<unsigned long long>(race.hits.load()),
         static_cast<unsigned long long>(race.lost.load()), static_cast<unsigned long long>(Seed()));
  CHECK(race.hits.load() > 0);
  CHECK_EQ(race.wrong.load(), 0);
  Session s(*table);
  CheckAudit(*table, s.context());
}

}  // namespace
}  // namespace strata::test
