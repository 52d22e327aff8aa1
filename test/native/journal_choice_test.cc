// What the leader sends next: which records make a batch, in which order, and what replaces what.
#include <map>

#include "test/native/journal_fixture.h"

namespace strata::test {
namespace {

constexpr auto kVersioned = JournalCondition::kVersion;

TEST("journal choice: of the plain writes of a key only the last goes, whatever lanes they came by") {
  JournalHost h;
  const uint64_t first = Put(h.a, {"k", "1", 10}), second = Put(h.b, {"k", "2", 12}), third = Put(h.a, {"k", "3", 14});
  const uint64_t other = Put(h.b, {"other", "x", 1}), gone = Put(h.c, {"gone", "y", 1}), del = Put(h.a, {"gone", "", 2, JournalOp::kDelete});
  Lead lead(*h.journal);
  const auto batch = Drain(lead.leader);
  CHECK_EQ(batch.size(), 3);
  for (const Drained& record : batch) CHECK(record.mark == third || record.mark == other || record.mark == del);
  CHECK_EQ(CountOf(*h.journal, JournalCounter::coalesced), 3);
  for (uint32_t i = 0; i < batch.size(); i++) CHECK(lead.leader.Answer(NthOf(lead.leader, i), {JournalResult::kStored, batch[i].mark == third ? 77u : 5u, {}}));
  CHECK(!IsSettled(*h.journal, first));
  CHECK(lead.leader.Advance());
  CHECK(IsSettled(*h.journal, first) && IsSettled(*h.journal, gone));
  // Who was replaced is told the version of what went in its place at last.
  CHECK(h.a.AnswerOf(first).result == JournalResult::kSuperseded && h.a.AnswerOf(first).version == 77);
  CHECK(h.b.AnswerOf(second).result == JournalResult::kSuperseded && h.b.AnswerOf(second).version == 77);
  CHECK(h.a.AnswerOf(third).result == JournalResult::kStored && h.a.AnswerOf(third).version == 77);
}

TEST("journal choice: a replaced record is told the version of the last one, also when the one between waits in its lane") {
  JournalHost h;
  const uint64_t first = Put(h.a, {"k", "1", 1});
  for (int n = 0; n < 40; n++) CHECK(Put(h.b, {"filler" + std::to_string(n), "x", 1}) != 0);
  CHECK(Put(h.b, {"k", "2", 2}) != 0);
  CHECK(Put(h.c, {"k", "3", 3}) != 0);
  Lead lead(*h.journal);
  auto batch = Drain(lead.leader, {34, 1u << 20});
  CHECK(!batch.empty() && batch[0].key == "k" && batch[0].value == "3");
  CHECK(AnswerAll(lead.leader));
  CHECK(h.a.AnswerOf(first).result == JournalResult::kSuperseded && h.a.AnswerOf(first).version == 100);
  while (!(batch = Drain(lead.leader, {8, 1u << 20})).empty()) {
    for (const Drained& record : batch) CHECK(record.key != "k");
    CHECK(AnswerAll(lead.leader));
  }
  CHECK_EQ(h.journal->lane(1).acked.load(), h.journal->lane(1).head.load());
}

TEST("journal choice: what somebody waits for is never replaced, and all of a key goes in the order of versions") {
  JournalHost h;
  CHECK(Put(h.a, {"k", "d", 8}) != 0);
  CHECK(Put(h.b, {"k", "a", 2}) != 0 && Put(h.b, {"k", "b", 4, JournalOp::kSet, kVersioned}) != 0);
  CHECK(Put(h.c, {"k", "c", 6}) != 0 && Put(h.c, {"k", "e", 10, JournalOp::kSet, JournalCondition::kAlways, 5}) != 0);
  CHECK(Put(h.a, {"k", "f", 12, JournalOp::kTouch}) != 0 && Put(h.b, {"k", "g", 14, JournalOp::kSet, JournalCondition::kUnchanged}) != 0);
  Lead lead(*h.journal);
  // d replaces c; a touch and a fill do not replace, and nothing later replaces them here.
  CHECK(Words(Drain(lead.leader)) == "k=a k=b k=d k=e k=f k=g");
  CHECK(AnswerAll(lead.leader));
  CHECK(Put(h.a, {"k", "f", 22, JournalOp::kTouch}) != 0 && Put(h.b, {"k", "g", 24, JournalOp::kSet, JournalCondition::kUnchanged}) != 0);
  CHECK(Put(h.c, {"k", "h", 26}) != 0);
  CHECK(Words(Drain(lead.leader)) == "k=h");
}

TEST("journal choice: clears go alone, before everything else and wherever they lie, and replace nothing") {
  JournalHost h;
  for (int n = 0; n < 100; n++) CHECK(Put(h.b, {"b" + std::to_string(n), "x", 1}) != 0);
  CHECK(Put(h.b, {"", "", 1, JournalOp::kClear}) != 0);
  CHECK(Put(h.a, {"k", "1", 2}) != 0 && Put(h.a, {"", "", 1, JournalOp::kClear}) != 0 && Put(h.a, {"k", "2", 4}) != 0);
  Lead lead(*h.journal);
  const auto clears = Drain(lead.leader, {1, 1});
  CHECK(clears.size() == 2 && clears[0].op == JournalOp::kClear && clears[1].op == JournalOp::kClear);
  // What was written after them must not arrive before them.
  CHECK(Drain(lead.leader).empty() && lead.leader.batch().empty() && lead.leader.GoToSleep());
  CHECK(Put(h.c, {"", "", 1, JournalOp::kClear}) != 0 && Drain(lead.leader).empty());
  for (const Drained& record : clears) CHECK(lead.leader.Answer(record.id, {JournalResult::kStored, 1, {}}));
  CHECK(lead.leader.Advance() && IsSettled(*h.journal, clears[0].mark) && !IsPassed(*h.journal, clears[0].mark));
  CHECK_EQ(Drain(lead.leader).size(), 1);
  CHECK(AnswerAll(lead.leader));
  CHECK_EQ(Drain(lead.leader).size(), 101);
}

TEST("journal choice: what a writer has cleared and not committed is waited for, before what may have come after it") {
  JournalHost h;
  const uint64_t clear = Prepare(h.b, {"", "", 1, JournalOp::kClear});
  CHECK(Put(h.a, {"k", "1", 2}) != 0);
  Lead lead(*h.journal);
  CHECK(Words(Drain(lead.leader)) == "k=1");  // its writer took too long
  CHECK(AnswerAll(lead.leader) && !h.b.Commit(clear, 1, 1));
}

TEST("journal choice: older writes of a key go with a later one, whatever the limits and wherever they lie") {
  JournalHost h;
  h.a.Cancel(Prepare(h.a, {"first lane", "", 1}));
  for (int n = 0; n < 20; n++) CHECK(Put(h.b, {"b" + std::to_string(n), "x", 1}) != 0);
  CHECK(Put(h.b, {"k", "older", 2, JournalOp::kSet, kVersioned}) != 0);
  for (int n = 0; n < 20; n++) CHECK(Put(h.c, {"c" + std::to_string(n), "x", 1}) != 0);
  CHECK(Put(h.c, {"b5", "oldest", 0, JournalOp::kSet, kVersioned}) != 0);
  CHECK(Put(h.a, {"k", "newer", 4, JournalOp::kSet, kVersioned}) != 0);
  Lead lead(*h.journal);
  CHECK(Words(Drain(lead.leader, {1, 1})) == "k=older k=newer" && AnswerAll(lead.leader));
  std::string b5;
  size_t sum = 0;
  for (auto batch = Drain(lead.leader, {10, 1u << 20}); !batch.empty(); batch = Drain(lead.leader, {10, 1u << 20})) {
    sum += batch.size();
    for (const Drained& record : batch) b5 += record.key == "b5" ? record.value + " " : "";
    CHECK(AnswerAll(lead.leader));
  }
  CHECK(b5 == "oldest x " && sum == 41);
}

TEST("journal choice: a batch takes whole partitions, those of the oldest records first, and leaves those under way alone") {
  JournalHost h;
  for (uint32_t n = 0; n < 60; n++) {
    Write write{"k" + std::to_string(n), "x", 1};
    write.partition = n % 6;
    CHECK(Put(h.a, write) != 0);
  }
  Lead lead(*h.journal);
  auto drain = [&](uint32_t records) {
    std::map<uint32_t, size_t> partitions;
    for (const Drained& record : Drain(lead.leader, {records, 1u << 20})) partitions[lead.leader.record(record.id).partition]++;
    return partitions;
  };
  CHECK((drain(25) == std::map<uint32_t, size_t>{{0, 10}, {1, 10}}));
  const std::vector<Drained> first = BatchOf(lead.leader);
  Write again{"k0", "y", 2};
  CHECK(Put(h.b, again) != 0);
  CHECK((drain(25) == std::map<uint32_t, size_t>{{2, 10}, {3, 10}}));
  // Answered in another order than sent; who waits is told at once, though records in front of it are not settled.
  const std::vector<Drained> second = BatchOf(lead.leader);
  h.a.Await(second[0].mark);
  for (const Drained& record : second) CHECK(lead.leader.Answer(record.id, {JournalResult::kStored, 7, {}}));
  CHECK(!lead.leader.Advance() && IsSettled(*h.journal, second[0].mark) && !IsPassed(*h.journal, second[0].mark));
  JournalAnswer answers[2];
  CHECK(h.a.TakeAnswers(answers, 2) == 1 && answers[0].mark == second[0].mark && answers[0].version == 7);
  CHECK_EQ(h.journal->lane(0).acked.load(), h.journal->lane_bytes());
  // Of a partition under way nothing more goes.
  CHECK((drain(100) == std::map<uint32_t, size_t>{{4, 10}, {5, 10}}) && drain(100).empty() && lead.leader.GoToSleep());
  for (const Drained& record : first) CHECK(lead.leader.Answer(record.id, {JournalResult::kStored, 7, {}}));
  CHECK(!lead.leader.Advance() && !lead.leader.GoToSleep() && drain(100) == (std::map<uint32_t, size_t>{{0, 1}}));
}

TEST("journal choice: limits are kept, lanes take turns, and everything goes in the end") {
  JournalHost h;
  h.journal->header().hash_seed = 1;  // no two of these keys meet in the leader's stamps, and so none is counted with another
  for (int n = 0; n < 100; n++) {
    CHECK(Put(h.a, {"a" + std::to_string(n), "x", 1}) != 0);
    if (n % 4 == 0) CHECK(Put(h.b, {"b" + std::to_string(n), "y", 1}) != 0);
  }
  Lead lead(*h.journal);
  size_t sum = 0, batches = 0, with_b = 0;
  for (auto batch = Drain(lead.leader, {40, 1u << 20}); !batch.empty(); batch = Drain(lead.leader, {40, 1u << 20})) {
    CHECK(batch.size() <= 40);
    sum += batch.size();
    batches++;
    bool has_b = false;
    for (const Drained& record : batch) has_b |= record.key[0] == 'b';
    with_b += has_b ? 1 : 0;
    CHECK(AnswerAll(lead.leader));
  }
  CHECK(sum == 125 && batches >= 4 && with_b >= 2);
  CHECK(Put(h.a, {"big", std::string(2000, 'x'), 1}) != 0 && Put(h.a, {"big2", std::string(2000, 'x'), 1}) != 0);
  CHECK_EQ(Drain(lead.leader, {40, 100}).size(), 1);  // one goes even if it is above the limit
}

TEST("journal choice: many keys in many lanes, all entangled, go in the order of their versions") {
  // Each key has records in two lanes.
  Directory dir;
  auto journal = OpenJournal(dir.path(), {32u << 20, 32, 4096});
  std::vector<std::unique_ptr<LaneOwner>> owners;
  constexpr uint64_t kEach = 2000;
  for (uint32_t lane = 0; lane < 32; lane++) {
    owners.push_back(std::make_unique<LaneOwner>(*journal));
    for (uint64_t n = 0; n < kEach; n++) {
      const uint64_t key = n % 2 == 0 ? lane * kEach + n : (lane == 31 ? 0 : lane + 1) * kEach + (kEach - 2 - n / 2 * 2);
      CHECK(Put(*owners[lane], {"k" + std::to_string(key), "v", n % 2 == 0 ? 4u : 2u, JournalOp::kSet, kVersioned}) != 0);
    }
  }
  Lead lead(*journal);
  std::map<std::string, uint64_t> last;
  size_t sum = 0;
  for (auto batch = Drain(lead.leader, {500, 1u << 20}); !batch.empty(); batch = Drain(lead.leader, {500, 1u << 20})) {
    for (const Drained& record : batch) {
      if (last[record.key] >= record.version) return Fail(__FILE__, __LINE__, record.key + " goes before its older write");
      last[record.key] = record.version;
    }
    sum += batch.size();
    CHECK(AnswerAll(lead.leader));
  }
  CHECK_EQ(sum, 32 * kEach);
}

}  // namespace
}  // namespace strata::test
