// The leader's side: what it waits for, what the dead leave, what the next leader finds, and what a former one may not do.
#include <thread>

#include "shm/clock.h"
#include "test/native/journal_fixture.h"

namespace strata::test {
namespace {

constexpr auto kVersioned = JournalCondition::kVersion;

// Owners are asked after a while only whether they live.
void LetOrphansShow(Leader& leader) {
  leader.GoToSleep();
  const uint64_t until = PreciseNs() + 1000000;
  while (PreciseNs() < until) std::this_thread::yield();
  leader.GoToSleep();
}

TEST("journal leader: nothing goes before its commit, and a living writer that takes too long has to redo") {
  JournalHost h;
  Lead lead(*h.journal);
  const uint64_t slow = Prepare(h.a, {"slow", "x", 1}), cancelled = Prepare(h.b, {"cancelled", "x", 1});
  CHECK(Put(h.a, {"k", "behind", 2}) != 0);
  h.b.Cancel(cancelled);
  CHECK(!h.b.Commit(cancelled, 1, 1));
  // It waits for the writer a little, because there is nothing else, then goes without it.
  CHECK(Words(Drain(lead.leader)) == "k=behind");
  CHECK(!h.a.Commit(slow, 1, 1));
  CHECK_EQ(CountOf(*h.journal, JournalCounter::timed_out), 1);
  CHECK(AnswerAll(lead.leader));
  CHECK(IsSettled(*h.journal, slow) && IsSettled(*h.journal, cancelled));
  CHECK_EQ(h.journal->lane(0).acked.load(), h.journal->lane(0).head.load());
}

TEST("journal leader: a write that was given up waits for its writer, who makes it anew, takes it back, or dies") {
  JournalHost h;
  Lead lead(*h.journal);
  CHECK(Put(h.a, {"before", "v", 1}) != 0 && Put(h.b, {"other", "v", 1}) != 0);
  const uint64_t anew = Prepare(h.a, {"k", "1", 0});
  auto state = [&](uint64_t mark) { return static_cast<RecordState>(h.journal->RecordAt(Mark{mark}.lane(), Mark{mark}.position())->state.load()); };
  auto give_up = [&](uint64_t mark) {
    for (int n = 0; state(mark) == RecordState::kPrepared && n < 1000; n++) CHECK(Drain(lead.leader).empty());
    return state(mark) == RecordState::kGivenUp;
  };
  CHECK_EQ(Drain(lead.leader).size(), 2);  // without it: there is something else
  CHECK(AnswerAll(lead.leader) && give_up(anew));
  CHECK(!h.a.Commit(anew, 2, 1) && !IsSettled(*h.journal, anew) && lead.leader.GoToSleep());
  PendingFound found;
  CHECK(!FindPending(*h.journal, "n", "k", &found));
  const uint64_t again = Put(h.a, {"k", "1", 3});
  CHECK(Words(Drain(lead.leader)) == "k=1" && AnswerAll(lead.leader) && IsSettled(*h.journal, anew) && IsSettled(*h.journal, again));
  CHECK(h.a.AnswerOf(anew).result == JournalResult::kSuperseded);
  const uint64_t back = Prepare(h.a, {"k", "2", 0});
  CHECK(give_up(back) && !h.a.Commit(back, 4, 1));
  h.a.Cancel(back);
  CHECK(state(back) == RecordState::kCancelled && Drain(lead.leader).empty() && IsSettled(*h.journal, back));
  const uint64_t orphan = Prepare(h.a, {"k", "3", 0});
  CHECK(give_up(orphan) && Put(h.b, {"k", "4", 5}) != 0);
  CHECK(Words(Drain(lead.leader)) == "k=4" && AnswerAll(lead.leader) && !IsSettled(*h.journal, orphan));
  h.a.Release();
  LetOrphansShow(lead.leader);
  const auto batch = Drain(lead.leader);
  CHECK(batch.size() == 1 && batch[0].is_orphan && batch[0].mark == orphan);
  CHECK(lead.leader.Resolve(NthOf(lead.leader, 0), 6, 1) && lead.leader.Assign(NthOf(lead.leader, 0)) != 0 && AnswerAll(lead.leader) && IsSettled(*h.journal, orphan));
}

TEST("journal leader: who has to make a write anew is told whether a later one of its key came after it") {
  JournalHost h;
  Lead lead(*h.journal);
  auto give_up = [&](const char* key) {
    const uint64_t mark = Prepare(h.a, {key, "mine", 0});
    const auto& state = h.journal->RecordAt(Mark{mark}.lane(), Mark{mark}.position())->state;
    for (int n = 0; state.load() != static_cast<uint32_t>(RecordState::kGivenUp) && n < 1000; n++) CHECK(Drain(lead.leader).empty());
    CHECK(!h.a.Commit(mark, 2, 1));
    return mark;
  };
  uint64_t heir = 7;
  auto has_heir = [&](const char* key, uint64_t mark, uint64_t version) { return FindHeir(*h.journal, "n", key, Mark{mark}, version, &heir); };

  const uint64_t k = give_up("k");
  CHECK(!has_heir("k", k, 2));
  const uint64_t open = Prepare(h.b, {"k", "later", 0});
  CHECK(has_heir("k", k, 2) && heir == open);
  CHECK(!has_heir("other", k, 2));
  CHECK(h.b.Commit(open, 3, 1) && has_heir("k", k, 2) && heir == open);
  CHECK(!has_heir("k", k, 3));
  CHECK(Words(Drain(lead.leader)) == "k=later" && has_heir("k", k, 2) && heir == open);
  CHECK(AnswerAll(lead.leader) && has_heir("k", k, 2) && heir == 0);
  CHECK(!has_heir("k", k, 3));
  h.a.Cancel(k);

  // Redis decides whether it replaces anything.
  const uint64_t c = give_up("c");
  Write conditional{"c", "perhaps", 5};
  conditional.condition = JournalCondition::kVersion;
  CHECK(Put(h.b, conditional) != 0 && !has_heir("c", c, 2));
  CHECK(Words(Drain(lead.leader)) == "c=perhaps" && AnswerAll(lead.leader) && !has_heir("c", c, 2));
  CHECK(Put(h.b, {"c", "surely", 6}) != 0 && Words(Drain(lead.leader)) == "c=surely" && lead.leader.Assign(NthOf(lead.leader, 0)) != 0);
  CHECK(has_heir("c", c, 5) && heir != 0);
  CHECK(AnswerAll(lead.leader) && has_heir("c", c, 5) && heir == 0 && !has_heir("c", c, 6));
  h.a.Cancel(c);

  // The write of one who died, which the table shows.
  const uint64_t o = give_up("o");
  const uint64_t orphan = Prepare(h.b, {"o", "orphan", 0});
  h.b.Release();
  LetOrphansShow(lead.leader);
  const auto batch = Drain(lead.leader);
  CHECK(batch.size() == 1 && batch[0].mark == orphan && lead.leader.Resolve(NthOf(lead.leader, 0), 8, 1) && lead.leader.Assign(NthOf(lead.leader, 0)) != 0 && AnswerAll(lead.leader));
  CHECK(has_heir("o", o, 7) && heir == 0 && !has_heir("o", o, 8));
}

TEST("journal leader: a writer whose value lies in a file has more time than others") {
  JournalHost h;
  Lead lead(*h.journal);
  const Write write{"large", "", 0};
  JournalInput input = InputOf(write);
  input.codec = kCodecInFile | 1;
  uint64_t large = 0;
  CHECK(h.a.Prepare(input, "reference", &large) == Status::kOk);
  const uint64_t small = Prepare(h.b, {"small", "v", 0});
  CHECK(Put(h.b, {"behind", "v", 1}) != 0);
  CHECK(Words(Drain(lead.leader)) == "behind=v" && AnswerAll(lead.leader));
  CHECK(!h.b.Commit(small, 2, 1) && h.a.Commit(large, 2, 1));
  CHECK(Words(Drain(lead.leader)) == "large=reference" && AnswerAll(lead.leader));
}

TEST("journal leader: what the dead did not commit is the table's to decide") {
  JournalHost h;
  Lead lead(*h.journal);
  const uint64_t first = Prepare(h.a, {"seen", "x", 1}), second = Prepare(h.a, {"unseen", "y", 1});
  CHECK(Put(h.a, {"acknowledged", "z", 7}) != 0);
  h.a.Release();
  const auto batch = Drain(lead.leader);
  CHECK_EQ(batch.size(), 3);
  for (uint32_t i = 0; i < batch.size(); i++) {
    if (batch[i].key == "acknowledged") {
      CHECK(!batch[i].is_orphan && !lead.leader.Resolve(NthOf(lead.leader, i), 5, 1) && batch[i].version == 7);
      continue;
    }
    CHECK(batch[i].is_orphan && batch[i].mark == (batch[i].key == "seen" ? first : second));
    CHECK_EQ(lead.leader.Assign(NthOf(lead.leader, i)), 0);  // not before it is resolved
    CHECK(lead.leader.Resolve(NthOf(lead.leader, i), batch[i].key == "seen" ? 9 : 0, 1));
    CHECK(!lead.leader.Resolve(NthOf(lead.leader, i), 9, 1));
    CHECK((lead.leader.Assign(NthOf(lead.leader, i)) != 0) == (batch[i].key == "seen"));
  }
  CHECK(AnswerAll(lead.leader));
  CHECK(IsSettled(*h.journal, second));
  CHECK(Put(h.b, {"next", "v", 1}) != 0 && h.b.index() == 0);
}

TEST("journal leader: an orphan goes behind the older writes of its key, wherever they lie") {
  JournalHost h;
  Prepare(h.a, {"k", "newest", 0, JournalOp::kSet, kVersioned});  // the table had it, then its writer died
  h.a.Release();
  for (int n = 0; n < 20; n++) CHECK(Put(h.b, {"b" + std::to_string(n), "x", 1}) != 0);
  CHECK(Put(h.b, {"k", "older", 2, JournalOp::kSet, kVersioned}) != 0);
  Lead lead(*h.journal);
  LetOrphansShow(lead.leader);
  const auto batch = Drain(lead.leader, {1, 1});
  std::string k;
  for (const Drained& record : batch) k += record.key == "k" ? record.value + " " : "";
  CHECK(k == "older newest " && batch.back().is_orphan);
}

TEST("journal leader: what breaks after it was read is not sent, and the rest is") {
  JournalHost h;
  const uint64_t whole = Put(h.a, {"whole", "v", 2}), broken = Put(h.a, {"broken", "v", 2}), longer = Put(h.b, {"longer", "v", 2});
  const uint64_t numbered = Put(h.b, {"numbered", "v", 2});
  Lead lead(*h.journal);
  CHECK(!lead.leader.GoToSleep());  // reads
  auto record = [&](uint64_t mark) { return h.journal->RecordAt(Mark{mark}.lane(), Mark{mark}.position()); };
  reinterpret_cast<char*>(record(broken) + 1)[7] ^= 1;
  record(longer)->value_bytes = 1u << 30;
  auto batch = Drain(lead.leader);
  CHECK(Words(batch) == "whole=v numbered=v" && batch[0].mark == whole && batch[1].mark == numbered);
  CHECK_EQ(CountOf(*h.journal, JournalCounter::damaged), 2);
  CHECK(AnswerAll(lead.leader) && IsSettled(*h.journal, broken) && IsSettled(*h.journal, longer));
  // A number nobody has taken would make Redis skip all up to it.
  const uint64_t later = Put(h.a, {"later", "v", 4});
  record(later)->op_number.store(uint64_t{1} << 40);
  batch = Drain(lead.leader);
  CHECK(Words(batch) == "later=v" && !lead.leader.is_resend() && lead.leader.Assign(NthOf(lead.leader, 0)) < 100);
}

TEST("journal leader: a broken head is mended by the next record, a broken count of lanes by the next leader") {
  JournalHost h;
  CHECK(Put(h.a, {"a", "1", 1}) != 0 && Put(h.b, {"b", "1", 1}) != 0);
  {
    Lead lead(*h.journal);
    h.journal->lane(1).head.store(3);
    CHECK(Words(Drain(lead.leader)) == "a=1" && AnswerAll(lead.leader) && Drain(lead.leader).empty());
    CHECK(Put(h.b, {"b", "2", 2}) != 0);
    CHECK(Words(Drain(lead.leader)) == "b=2" && AnswerAll(lead.leader));
  }
  CHECK(Put(h.c, {"c", "1", 1}) != 0);
  h.journal->header().lanes_used.store(0);
  Lead next(*h.journal);
  CHECK(Words(Drain(next.leader)) == "c=1" && h.journal->lanes_used() == 3);
}

TEST("journal leader: the next one sends again what was not answered, under the same numbers and first") {
  JournalHost h;
  std::vector<Drained> sent;
  {
    Lead lead(*h.journal);
    CHECK(Put(h.a, {"a", "1", 2, JournalOp::kSet, kVersioned}) != 0 && Put(h.a, {"a", "2", 4, JournalOp::kSet, kVersioned}) != 0);
    CHECK(Put(h.b, {"b", "1", 2}) != 0 && Put(h.b, {"c", "1", 2}) != 0);
    CHECK_EQ(Drain(lead.leader).size(), 4);
    for (uint32_t i = 0; i < 3; i++) CHECK(lead.leader.Assign(NthOf(lead.leader, i)) != 0);
    sent = BatchOf(lead.leader);
    const uint32_t answered = NthOf(lead.leader, 0);
    CHECK(lead.leader.Answer(answered, {JournalResult::kStored, 50, {}}));
    CHECK(!lead.leader.Answer(answered, {JournalResult::kLost, 51, {}}) && !lead.leader.Advance());
    CHECK(Drain(lead.leader).empty());  // the batch is still under way
  }
  CHECK(Put(h.c, {"a", "3", 6}) != 0);
  Lead next(*h.journal);
  CHECK_EQ(next.candidate.term(), 2);
  auto batch = Drain(next.leader);
  CHECK(next.leader.is_resend() && batch.size() == 2);
  for (uint32_t i = 0; i < 2; i++) {
    CHECK(batch[i].mark == sent[i + 1].mark && batch[i].op_number == sent[i + 1].op_number && batch[i].value == sent[i + 1].value);
    CHECK_EQ(next.leader.Assign(NthOf(next.leader, i)), batch[i].op_number);
  }
  CHECK(AnswerAll(next.leader));
  batch = Drain(next.leader);
  CHECK(!next.leader.is_resend() && batch.size() == 2);
  uint64_t highest = 0;
  for (const Drained& record : sent) highest = std::max(highest, record.op_number);
  for (uint32_t i = 0; i < 2; i++) CHECK(next.leader.Assign(NthOf(next.leader, i)) > highest);
  CHECK(AnswerAll(next.leader) && Drain(next.leader).empty());
}

TEST("journal leader: what was replaced under a former leader is not settled before its replacement") {
  JournalHost h;
  const uint64_t first = Put(h.a, {"k", "1", 2});
  for (int n = 0; n < 20; n++) CHECK(Put(h.b, {"b" + std::to_string(n), "x", 1}) != 0);
  CHECK(Put(h.b, {"k", "2", 4}) != 0 && Put(h.c, {"k", "3", 6, JournalOp::kSet, kVersioned}) != 0);
  {
    Lead lead(*h.journal);
    CHECK(Drain(lead.leader).size() > 1);  // and dies before it gives a number
  }
  Lead next(*h.journal);
  const auto batch = Drain(next.leader, {1, 1});
  std::string k;
  for (const Drained& record : batch) k += record.key == "k" ? record.value : "";
  CHECK(k.find('2') != std::string::npos && k.find('1') == std::string::npos);
  CHECK(!IsSettled(*h.journal, first));
  CHECK(AnswerAll(next.leader) && IsSettled(*h.journal, first));
}

TEST("journal leader: a former leader is refused everything") {
  JournalHost h;
  const uint64_t mark = Put(h.a, {"k", "v", 2});
  Prepare(h.b, {"orphan", "v", 2});
  h.b.Release();
  Lead old(*h.journal);
  LetOrphansShow(old.leader);
  CHECK_EQ(Drain(old.leader).size(), 2);
  const auto& record = *h.journal->RecordAt(0, Mark{mark}.position());
  h.journal->header().term.fetch_add(1);  // as if another had been elected
  CHECK(!old.candidate.IsLeading());
  for (uint32_t i = 0; i < 2; i++) {
    CHECK_EQ(old.leader.Assign(NthOf(old.leader, i)), 0);
    CHECK(!old.leader.Resolve(NthOf(old.leader, i), 4, 1));
    CHECK(!old.leader.Answer(NthOf(old.leader, i), {JournalResult::kDead, 9, "x"}));
  }
  CHECK(!old.leader.Advance() && old.leader.GoToSleep());
  CHECK(record.state.load() == static_cast<uint32_t>(RecordState::kCommitted) && record.op_number.load() == 0);
  CHECK(!IsSettled(*h.journal, mark) && ReadLetters(*h.journal).empty() && h.journal->header().leader_sleeps.load() == 0);
  Lead second(*h.journal);
  CHECK(!second.is_elected && second.leader.Drain({}).empty());  // the lock is still the old one's
  old.candidate.Resign();
  CHECK(second.candidate.TryElect() && second.candidate.IsLeading() && !old.candidate.IsLeading());
  CHECK(!old.leader.Advance());
}

TEST("journal leader: it falls asleep only if nothing is to be drained, and a commit wakes it") {
  JournalHost h;
  Lead lead(*h.journal);
  JournalHeader& header = h.journal->header();
  CHECK(Put(h.a, {"k", "v", 1}) != 0);
  CHECK_EQ(header.append_wake.load(), 0);
  CHECK(!lead.leader.GoToSleep() && header.leader_sleeps.load() == 0);
  CHECK_EQ(Drain(lead.leader).size(), 1);
  CHECK(AnswerAll(lead.leader) && lead.leader.GoToSleep() && header.leader_sleeps.load() == 1);
  const uint64_t open = Prepare(h.a, {"k", "v", 2});
  CHECK_EQ(header.append_wake.load(), 0);
  CHECK(h.a.Commit(open, 2, 1));
  CHECK(header.append_wake.load() == 1 && header.leader_sleeps.load() == 0);
  CHECK(Put(h.b, {"k", "v", 3}) != 0);
  CHECK_EQ(header.append_wake.load(), 1);
}

}  // namespace
}  // namespace strata::test
