// What a host shares beside its lanes: who leads, dead letters, the breaker, and how those who wait are woken.
#include <signal.h>
#include <sys/wait.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "journal/breaker.h"
#include "journal/letters.h"
#include "journal/waker.h"
#include "shm/clock.h"
#include "test/native/journal_fixture.h"

namespace strata::test {
namespace {

// Counts calls from other threads, and waits for the next one.
class Bell {
 public:
  void Ring() {
    std::lock_guard<std::mutex> hold(mutex_);
    rings_++;
    changed_.notify_all();
  }
  bool WaitFor(int rings) {
    std::unique_lock<std::mutex> hold(mutex_);
    return changed_.wait_for(hold, std::chrono::seconds(30), [&] { return rings_ >= rings; });
  }
  int rings() {
    std::lock_guard<std::mutex> hold(mutex_);
    return rings_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int rings_ = 0;
};

bool WaitUntil(const std::function<bool()>& is_so) {
  const uint64_t deadline = PreciseNs() + uint64_t{30} * 1000000000;
  while (!is_so()) {
    if (PreciseNs() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

TEST("journal host: one candidate leads, and the next when it resigns, with a higher term") {
  Directory dir;
  auto journal = OpenJournal(dir.path());
  Bell bells[5];
  std::vector<std::unique_ptr<Candidate>> candidates;
  for (Bell& bell : bells) candidates.push_back(std::make_unique<Candidate>(*journal, [&bell] { bell.Ring(); }));
  candidates[0]->Start();
  CHECK(bells[0].WaitFor(1) && candidates[0]->term() == 1 && candidates[0]->IsLeading());
  for (int i = 1; i < 5; i++) candidates[i]->Start();
  for (uint64_t term = 2; term <= 5; term++) {
    std::vector<size_t> leading;
    for (size_t i = 0; i < candidates.size(); i++) {
      if (candidates[i] != nullptr && candidates[i]->IsLeading()) leading.push_back(i);
    }
    CHECK_EQ(leading.size(), 1);
    if (leading.size() != 1) return;
    auto& leader = candidates[leading[0]];
    leader->Resign();
    CHECK(leader->term() == 0 && !leader->IsLeading());
    leader.reset();
    CHECK(WaitUntil([&] {
      for (auto& candidate : candidates) {
        if (candidate != nullptr && candidate->IsLeading()) return candidate->term() == term;
      }
      return false;
    }));
  }
}

TEST("journal host: a leader that was killed is followed at once") {
  Directory dir;
  auto journal = OpenJournal(dir.path());
  fflush(stdout);
  int ready[2];
  CHECK(pipe(ready) == 0);
  const pid_t child = fork();
  if (child == 0) {
    Candidate own(*journal, [] {});
    const char word = own.TryElect() ? 'y' : 'n';
    if (write(ready[1], &word, 1) != 1) _exit(1);
    for (;;) pause();
  }
  char word = 0;
  CHECK(read(ready[0], &word, 1) == 1 && word == 'y');
  Bell bell;
  Candidate next(*journal, [&bell] { bell.Ring(); });
  next.Start();
  CHECK(!next.IsLeading());
  kill(child, SIGKILL);
  CHECK(bell.WaitFor(1) && next.term() == 2);
  waitpid(child, nullptr, 0);
  close(ready[0]);
  close(ready[1]);
}

TEST("journal host: a term at the end of its numbers begins anew") {
  Directory dir;
  auto journal = OpenJournal(dir.path());
  for (uint64_t broken : {~uint64_t{0}, uint64_t{1} << 53, (uint64_t{1} << 53) + 9}) {
    journal->header().term.store(broken);
    Lead lead(*journal);
    CHECK(lead.is_elected && lead.candidate.IsLeading() && lead.candidate.term() == 1);
  }
}

TEST("journal host: the death of a process is seen, that of none and of a living one is not") {
  ProcessWatch watch;
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    for (;;) pause();
  }
  CHECK(!watch.Wait(static_cast<uint32_t>(child), 1) && !watch.Wait(0, 1) && !watch.Wait(~0u, 1));
  kill(child, SIGKILL);
  while (!watch.Wait(static_cast<uint32_t>(child), 1000)) {
  }
  CHECK(watch.Wait(static_cast<uint32_t>(child), 1000));  // a zombie
  waitpid(child, nullptr, 0);
  CHECK(!watch.Wait(static_cast<uint32_t>(child), 1));
  std::thread caller([&watch] { watch.Cancel(); });
  watch.Wait(0, 60000);
  caller.join();
  CHECK(!watch.Wait(0, 60000));
}

TEST("journal host: the leader's thread calls when something was appended") {
  Directory dir;
  auto journal = OpenJournal(dir.path());
  Bell bell;
  Candidate candidate(*journal, [&bell] { bell.Ring(); });
  candidate.Start();
  CHECK(bell.WaitFor(1));
  Leader leader(*journal, candidate);
  LaneOwner owner(*journal);
  for (int n = 1; n <= 20; n++) {
    CHECK(leader.GoToSleep());
    const int before = bell.rings();
    CHECK(Put(owner, {"k", "v", static_cast<uint64_t>(n)}) != 0);
    CHECK(bell.WaitFor(before + 1));
    CHECK_EQ(Drain(leader).size(), 1);
    CHECK(AnswerAll(leader));
  }
}

TEST("journal host: who waits for answers is woken by them, and by the next leader if the former died before") {
  Directory dir;
  auto journal = OpenJournal(dir.path());
  Bell bell;
  SettleWaker waker(*journal);
  const int id = waker.AddListener([&bell] { bell.Ring(); });
  LaneOwner owner(*journal);
  {
    Lead lead(*journal);
    CHECK(bell.WaitFor(1));
    const int before = bell.rings();
    CHECK(Put(owner, {"k", "v", 1}) != 0);
    AnnounceSettleWaiter(*journal);
    CHECK_EQ(Drain(lead.leader).size(), 1);
    CHECK(AnswerAll(lead.leader) && bell.WaitFor(before + 1));
    CHECK_EQ(journal->header().settle_waiters.load(), 0);
  }
  // Settled, and then the leader died on the way to the wake-up.
  const int before = bell.rings();
  Lead next(*journal);
  CHECK(next.is_elected && bell.WaitFor(before + 1));
  waker.RemoveListener(id);
}

TEST("journal host: dead letters keep who, what and why; old ones make room; what is too large goes without its value") {
  Directory dir;
  auto journal = OpenJournal(dir.path(), {4u << 20, 4, 4096});
  LaneOwner owner(*journal);
  Lead lead(*journal);
  auto bury = [&](const std::string& key, const std::string& value, std::string_view reason) {
    CHECK(Put(owner, {key, value, 1}) != 0);
    CHECK_EQ(Drain(lead.leader).size(), 1);
    CHECK(lead.leader.Answer(NthOf(lead.leader, 0), {JournalResult::kDead, 0, reason}) && lead.leader.Advance());
  };
  bury("first", "value", "E: why");
  auto letters = ReadLetters(*journal);
  CHECK(letters.size() == 1 && letters[0].ns == "n" && letters[0].key == "first" && letters[0].value == "value" &&
        letters[0].reason == "E: why" && letters[0].has_value && letters[0].time_ms > 0 && letters[0].op == JournalOp::kSet);
  bury("large", std::string(2000, 'x'), std::string(600, 'r'));
  letters = ReadLetters(*journal);
  CHECK(letters.size() == 2 && letters[1].key == "large" && !letters[1].has_value && letters[1].value.empty() &&
        letters[1].value_bytes == 2000 && letters[1].reason.size() == 512);
  for (int n = 0; n < 300; n++) {
    const std::string key = "key" + std::to_string(n), value(static_cast<size_t>(n * 7 % 900), static_cast<char>('a' + n % 26));
    bury(key, value, "E");
    letters = ReadLetters(*journal);
    CHECK(!letters.empty() && letters.back().key == key && letters.back().value == value);
    for (size_t i = 0; i + 1 < letters.size() && n > 60; i++) {
      CHECK(letters[i].key == "key" + std::to_string(n - static_cast<int>(letters.size() - 1 - i)));
    }
    if (Failures() != 0) return;
  }
  const auto dropped = journal->header().counters[static_cast<size_t>(JournalCounter::letters_dropped)].load();
  CHECK_EQ(dropped + letters.size(), 302);
  // Head and tail that contradict each other: nothing is read, and the next letter begins anew.
  for (auto [head, tail] : {std::pair<uint64_t, uint64_t>{8, 16}, {1 << 20, 8}, {4, 0}, {~uint64_t{0}, 8}}) {
    journal->header().letters_head.store(head);
    journal->header().letters_tail.store(tail);
    ReadLetters(*journal);
    bury("again", "v", "E");
    letters = ReadLetters(*journal);
    CHECK(letters.size() == 1 && letters[0].key == "again");
  }
}

TEST("journal host: a dead letter keeps its life and partition, and goes to one taker alone") {
  Directory dir;
  auto journal = OpenJournal(dir.path(), {4u << 20, 4, 4096});
  LaneOwner owner(*journal);
  Lead lead(*journal);
  auto bury = [&](const std::string& key, const std::string& value) {
    const Write write{key, "", 1};
    JournalInput input = InputOf(write);
    input.partition = 200;
    input.soft_at = 1000;
    input.hard_at = 3000;
    uint64_t mark = 0;
    CHECK(owner.Prepare(input, value, &mark) == Status::kOk && owner.Commit(mark, 1, 1));
    CHECK_EQ(Drain(lead.leader).size(), 1);
    CHECK(lead.leader.Answer(NthOf(lead.leader, 0), {JournalResult::kDead, 0, "E"}) && lead.leader.Advance());
  };
  bury("first", "1");
  bury("second", "2");
  const auto letters = ReadLetters(*journal);
  CHECK(letters.size() == 2 && letters[0].partition == 200 && letters[0].soft_at == 1000 && letters[0].hard_at == 3000);
  CHECK(!TakeLetter(*journal, letters[0].id + 4) && !TakeLetter(*journal, ~uint64_t{7}) && !TakeLetter(*journal, journal->header().letters_head.load()));
  std::atomic<int> takers{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; i++) threads.emplace_back([&] { takers += TakeLetter(*journal, letters[0].id) ? 1 : 0; });
  for (std::thread& thread : threads) thread.join();
  CHECK_EQ(takers.load(), 1);
  CHECK(ReadLetters(*journal).size() == 1 && ReadLetters(*journal)[0].key == "second");
  // The place of a letter that made room is not hers any more.
  const uint64_t second = letters[1].id;
  for (int n = 0; n < 20; n++) bury("later", std::string(300, 'x'));
  CHECK(!TakeLetter(*journal, second) && TakeLetter(*journal, ReadLetters(*journal).front().id));
}

constexpr BreakerLimits kLimits{3, 20, 40};

TEST("journal host: the breaker opens after failures in a row, lets one probe, and waits longer each time") {
  Directory dir;
  auto journal = OpenJournal(dir.path());
  Breaker one(*journal), two(*journal);
  CHECK(one.MayTry() == BreakerState::kClosed);
  one.Report(false, kLimits);
  two.Report(false, kLimits);
  one.Report(true, kLimits);  // in a row
  for (int n = 0; n < 2; n++) one.Report(false, kLimits);
  CHECK(two.MayTry() == BreakerState::kClosed && two.state() == BreakerState::kClosed);
  two.Report(false, kLimits);
  CHECK(one.MayTry() == BreakerState::kOpen && two.state() == BreakerState::kOpen);
  one.Report(true, kLimits);  // of a try from before
  CHECK(one.MayTry() == BreakerState::kOpen);
  auto until = [&] { return journal->header().breaker.load() >> 24; };
  CHECK(WaitUntil([&] { return Journal::NowMs() >= until(); }));
  CHECK(one.MayTry() == BreakerState::kProbe && one.MayTry() == BreakerState::kOpen && two.MayTry() == BreakerState::kOpen);
  const uint64_t before = until();
  one.Report(false, kLimits);
  CHECK(until() >= before + 40 && two.MayTry() == BreakerState::kOpen);
  CHECK(WaitUntil([&] { return Journal::NowMs() >= until(); }));
  CHECK(two.MayTry() == BreakerState::kProbe);
  two.Report(true, kLimits);
  CHECK(one.MayTry() == BreakerState::kClosed && journal->header().breaker.load() == 0);
}

TEST("journal host: a prober that dies, and one whose breaker was closed meanwhile, leave the probe to others") {
  Directory dir;
  auto journal = OpenJournal(dir.path());
  auto open = [&] { journal->header().breaker.store(Journal::NowMs() << 24 | 1); };
  Breaker other(*journal);
  open();
  {
    Breaker dying(*journal);
    CHECK(dying.MayTry() == BreakerState::kProbe && other.MayTry() == BreakerState::kOpen);
  }
  Breaker prober(*journal);
  CHECK(prober.MayTry() == BreakerState::kProbe);
  other.Close();
  CHECK(other.MayTry() == BreakerState::kClosed);
  prober.Report(true, kLimits);
  open();
  CHECK(other.MayTry() == BreakerState::kProbe);
}

TEST("journal host: a breaker that says it is open for longer than anybody asks for is probed at once") {
  Directory dir;
  auto journal = OpenJournal(dir.path());
  Breaker breaker(*journal);
  journal->header().breaker.store(~uint64_t{0});
  CHECK(breaker.MayTry() == BreakerState::kProbe);
  breaker.Report(false, {1, ~0u, ~0u});
  CHECK(breaker.MayTry() == BreakerState::kOpen);
}

}  // namespace
}  // namespace strata::test
