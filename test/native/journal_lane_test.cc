// The owner's side of a lane: room, order, size limits, answers, and what becomes of a lane when its owner ends.
#include <thread>

#include "shm/clock.h"
#include "test/native/journal_fixture.h"
#include "test/native/options.h"

namespace strata::test {
namespace {

std::string ValueOf(uint64_t n, size_t bytes) {
  std::string value(bytes, '\0');
  for (size_t i = 0; i < bytes; i++) value[i] = static_cast<char>('a' + (n * 31 + i) % 26);
  return value;
}

uint64_t CountOf(const Journal& journal, uint32_t lane, LaneCounter counter) {
  return journal.lane(lane).counters[static_cast<size_t>(counter)].load();
}

TEST("journal lane: a mark names lane and position exactly, up to the last one a double can hold") {
  for (uint32_t lane : {0u, 1u, kMaxLanes - 1}) {
    for (uint64_t position : {uint64_t{4096}, uint64_t{8}, kMaxPosition - 8}) {
      const Mark mark = Mark::Make(lane, position);
      CHECK_EQ(mark.lane(), lane);
      CHECK_EQ(mark.position(), position);
      CHECK(static_cast<uint64_t>(static_cast<double>(mark.raw)) == mark.raw);
    }
  }
}

TEST("journal lane: records of any size come back whole over hundreds of rounds of the ring") {
  Directory dir;
  auto journal = OpenJournal(dir.path());
  LaneOwner owner(*journal);
  Lead lead(*journal);
  uint64_t random = Seed() | 1, version = 0, drained = 0, bytes = 0;
  std::vector<std::pair<uint64_t, std::string>> pending;
  while (bytes < 300 * journal->lane_bytes()) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    const uint64_t most = journal->max_record_bytes() - sizeof(JournalRecord) - 80;
    const size_t size = random >> 60 == 0 ? (random >> 20) % most : (random >> 20) % 600;
    const std::string key = "key" + std::to_string(version) + std::string((random >> 50) % 40, 'k');
    const uint64_t mark = Put(owner, {key, ValueOf(version, size), ++version});
    if (mark != 0) {
      pending.emplace_back(mark, key);
      bytes += size;
      continue;
    }
    version--;
    CHECK(!owner.IsRoomy());
    for (const Drained& record : Drain(lead.leader)) {
      const auto& [expected, name] = pending[drained++];
      CHECK_EQ(record.mark, expected);
      CHECK_EQ(record.version, drained);
      if (record.key != name || record.value != ValueOf(drained - 1, record.value.size())) return Fail(__FILE__, __LINE__, "torn: " + record.key);
    }
    CHECK(AnswerAll(lead.leader));
    CHECK(owner.IsRoomy());
    if (Failures() != 0) return;
  }
  CHECK(drained > 1000);
  CHECK(CountOf(*journal, 0, LaneCounter::kFull) > 0);
}

TEST("journal lane: half a ring is the largest record, and it fits wherever the ring stands") {
  Directory dir;
  auto journal = OpenJournal(dir.path());
  LaneOwner owner(*journal);
  Lead lead(*journal);
  const size_t most = journal->max_record_bytes() - sizeof(JournalRecord) - 2;  // "n" and "k"
  uint64_t mark;
  CHECK_EQ(owner.Prepare(InputOf({"k", "", 1}), std::string(most + 1, 'x'), &mark), Status::kTooLarge);
  for (uint64_t n = 1; n <= 60; n++) {
    CHECK(Put(owner, {"k", ValueOf(n, most), n}) != 0);
    const auto batch = Drain(lead.leader);
    CHECK(batch.size() == 1 && batch[0].value == ValueOf(n, most));
    CHECK(AnswerAll(lead.leader));
    CHECK(Put(owner, {"small", std::string(n * 8, 's'), n}) != 0);  // moves the next one's place
    CHECK_EQ(Drain(lead.leader).size(), 1);
    CHECK(AnswerAll(lead.leader));
    if (Failures() != 0) return;
  }
  CHECK_EQ(owner.Prepare(InputOf({std::string(kMaxKeyBytes + 1, 'k'), "", 1}), "", &mark), Status::kTooLarge);
  CHECK(Put(owner, {std::string(kMaxKeyBytes, 'k'), "", 1}) != 0);
  CHECK(Put(owner, {"", "", 2, JournalOp::kClear}) != 0);
  CHECK(CountOf(*journal, 0, LaneCounter::kTooLarge) >= 1);
}

TEST("journal lane: a full lane refuses, overwrites nothing, and has room again when the oldest is settled") {
  Directory dir;
  auto journal = OpenJournal(dir.path());
  LaneOwner owner(*journal);
  std::vector<uint64_t> marks;
  for (uint64_t n = 1; uint64_t mark = Put(owner, {"k" + std::to_string(n), ValueOf(n, 900), n}); n++) marks.push_back(mark);
  CHECK(marks.size() >= 14 && !owner.IsRoomy());
  uint64_t mark;
  CHECK_EQ(owner.Prepare(InputOf({"more", "", 99}), ValueOf(1, 900), &mark), Status::kNoRoom);
  {
    Lead lead(*journal);
    const auto first = Drain(lead.leader, {1, 1u << 20});
    CHECK(first.size() == 1 && first[0].mark == marks[0]);
    CHECK(!owner.IsRoomy());
    CHECK(AnswerAll(lead.leader));
    CHECK(IsSettled(*journal, marks[0]) && !IsSettled(*journal, marks[1]));
  }
  // By now it may need the end of the ring, then the beginning: at most two records have to go.
  Lead lead(*journal);
  CHECK_EQ(Drain(lead.leader, {1, 1u << 20}).size(), 1);
  CHECK(AnswerAll(lead.leader));
  CHECK(owner.IsRoomy() && Put(owner, {"more", ValueOf(77, 900), 99}) != 0);
  const auto rest = Drain(lead.leader);
  CHECK_EQ(rest.size(), marks.size() - 1);
  for (size_t i = 0; i + 1 < rest.size(); i++) CHECK(rest[i].mark == marks[i + 2] && rest[i].value == ValueOf(i + 3, 900));
  CHECK(rest.back().value == ValueOf(77, 900));
}

TEST("journal lane: an answer is kept for who awaits it, however far the ring has gone on") {
  Directory dir;
  auto journal = OpenJournal(dir.path());
  LaneOwner owner(*journal);
  Lead lead(*journal);
  const uint64_t awaited = Put(owner, {"k", "v", 5});
  owner.Await(awaited);
  JournalAnswer answers[4];
  CHECK_EQ(owner.TakeAnswers(answers, 4), 0);
  CHECK_EQ(Drain(lead.leader).size(), 1);
  CHECK(AnswerAll(lead.leader, JournalResult::kLost));
  const uint64_t other = Put(owner, {"other", ValueOf(1, 100), 6});
  for (uint64_t n = 0; n < 100; n++) {
    Drain(lead.leader);
    AnswerAll(lead.leader);
    CHECK(Put(owner, {"k" + std::to_string(n), ValueOf(n, 700), 7 + n}) != 0);
  }
  CHECK_EQ(owner.AnswerOf(other).result, JournalResult::kNone);  // overwritten, and nobody awaited it
  CHECK(owner.is_awaiting());
  CHECK_EQ(owner.TakeAnswers(answers, 4), 1);
  CHECK(answers[0].mark == awaited && answers[0].result == JournalResult::kLost && answers[0].version == 100);
  CHECK(!owner.is_awaiting());
}

TEST("journal lane: more isolates than lanes wait, and the lane of one that ended goes to the next") {
  Directory dir;
  auto journal = OpenJournal(dir.path());
  Lead lead(*journal);
  {
    std::vector<std::unique_ptr<LaneOwner>> owners;
    for (uint32_t i = 0; i < 4; i++) {
      owners.push_back(std::make_unique<LaneOwner>(*journal));
      CHECK(Put(*owners[i], {"k" + std::to_string(i), "v", i + 1}) != 0 && owners[i]->index() == i);
    }
    LaneOwner fifth(*journal);
    CHECK(Put(fifth, {"late", "v", 9}) == 0 && !fifth.IsRoomy());
    owners[2].reset();
    // What the dead left is the leader's first.
    CHECK(Put(fifth, {"late", "v", 9}) == 0 && !fifth.IsRoomy());
    CHECK_EQ(Drain(lead.leader).size(), 4);
    CHECK(AnswerAll(lead.leader));
    CHECK(fifth.IsRoomy() && Put(fifth, {"late", "v", 9}) != 0 && fifth.index() == 2);
    CHECK(Words(Drain(lead.leader)) == "late=v");
    CHECK(AnswerAll(lead.leader));
  }
  // Adopted again and again, the lane goes on where it stopped.
  for (uint64_t n = 0; n < 50; n++) {
    LaneOwner next(*journal);
    CHECK(Put(next, {"k", ValueOf(n, 1000), n}) != 0 && next.index() == 0);
    const auto batch = Drain(lead.leader);
    CHECK(batch.size() == 1 && batch[0].value == ValueOf(n, 1000));
    CHECK(AnswerAll(lead.leader));
  }
}

TEST("journal lane: a used-up lane is left for another, and nobody claims it again") {
  Directory dir;
  auto journal = OpenJournal(dir.path());
  const uint64_t near_end = kMaxPosition - journal->lane_bytes();
  journal->lane(0).head.store(near_end);
  journal->lane(0).acked.store(near_end);
  LaneOwner owner(*journal);
  Lead lead(*journal);
  uint64_t last = 0, moved = 0;
  for (uint64_t n = 1; moved == 0 && n < 100; n++) {
    const uint64_t mark = Put(owner, {"k" + std::to_string(n), ValueOf(n, 900), n});
    CHECK(mark != 0);
    if (owner.index() == 0) last = mark;
    else moved = mark;
    const auto batch = Drain(lead.leader);
    CHECK(batch.size() == 1 && batch[0].mark == mark && batch[0].value == ValueOf(n, 900));
    CHECK(AnswerAll(lead.leader));
  }
  CHECK(Mark{last}.position() > near_end && Mark{last}.position() < kMaxPosition && Mark{moved}.lane() == 1);
  CHECK(IsSettled(*journal, last));
  LaneOwner next(*journal);
  CHECK(Put(next, {"next", "v", 1}) != 0 && next.index() == 2);
}

TEST("journal lane: an owner whose lane was passed by a damaged acked goes on in another") {
  Directory dir;
  auto journal = OpenJournal(dir.path());
  LaneOwner owner(*journal);
  Lead lead(*journal);
  const uint64_t before = Prepare(owner, {"k", "v", 1});
  journal->lane(0).acked.store(owner.head() + 4096);
  CHECK(!owner.Commit(before, 1, 1));  // the leader would never see it
  CHECK(owner.IsRoomy());
  CHECK(Put(owner, {"k", "again", 2}) != 0 && owner.index() == 1);
  CHECK(Words(Drain(lead.leader)) == "k=again");
}

TEST("journal lane: who misses a key finds the newest write on its way, and nothing else") {
  Directory dir;
  auto journal = OpenJournal(dir.path());
  LaneOwner one(*journal), two(*journal);
  Lead lead(*journal);
  PendingFound found;
  auto find = [&](const char* key) { return FindPending(*journal, "n", key, &found) ? found.value : std::string("-"); };
  const uint64_t open = Prepare(one, {"k", "prepared", 3});
  CHECK(find("k") == "-");
  CHECK(one.Commit(open, 3, 7) && find("k") == "prepared" && found.host_version == 3 && found.mark == open);
  const uint64_t newer = Put(two, {"k", "newer", 5});
  const uint64_t older = Put(one, {"k", "older", 4});
  CHECK(older != 0 && find("k") == "newer" && found.mark == newer && find("kk") == "-" && find("") == "-");
  CHECK(!FindPending(*journal, "other", "k", &found));
  const uint64_t given_up = Prepare(two, {"k", "given up", 9});
  two.Cancel(given_up);
  CHECK(find("k") == "newer");
  CHECK(Put(two, {"k", "", 10, JournalOp::kDelete}) != 0 && find("k").empty() && found.op == JournalOp::kDelete);
  // Of a batch that is under way only what goes is shown; settled, nothing.
  CHECK(Words(Drain(lead.leader)) == "k=");
  CHECK(find("k").empty() && found.host_version == 10);
  CHECK(AnswerAll(lead.leader));
  CHECK(find("k") == "-");
}

TEST("journal lane: a filter that has lost count shows too much rather than too little") {
  Directory dir;
  auto journal = OpenJournal(dir.path());
  LaneOwner owner(*journal);
  CHECK(Put(owner, {"k", "v", 1}) != 0);
  auto& count = journal->filter(0).counts[journal->KeyHash("n", "k") % kFilterCounts];
  CHECK_EQ(count.load(), 1);
  count.store(0xffff);
  Lead lead(*journal);
  CHECK_EQ(Drain(lead.leader).size(), 1);
  CHECK(AnswerAll(lead.leader));
  CHECK(owner.IsRoomy());
  CHECK_EQ(count.load(), 0xffff);
  PendingFound found;
  CHECK(Put(owner, {"k", "again", 2}) != 0 && FindPending(*journal, "n", "k", &found) && found.value == "again");
}

}  // namespace
}  // namespace strata::test
