// Random histories of writers and leaders, step by step against a list of records with the rules written down plainly.
#include <algorithm>
#include <map>

#include "shm/clock.h"
#include "test/native/journal_fixture.h"
#include "test/native/options.h"
#include "test/native/seeds.h"

namespace strata::test {
namespace {

enum class State { kOpen, kCommitted, kReplaced, kSettled, kGone };

struct Record {
  uint64_t mark = 0, version = 0, op_number = 0;
  uint32_t key = 0, owner = 0, id = 0;
  bool is_under_way = false;
  JournalOp op = JournalOp::kSet;
  bool is_plain = false, is_replaceable = false, is_orphan = false;
  bool may_be_taken = false;  // open while the leader drained
  bool is_given_up = false;   // taken, and the table has it; its writer has not made it anew
  State state = State::kOpen;
  std::string value;
  bool is_unsettled() const { return state == State::kOpen || state == State::kCommitted || state == State::kReplaced; }
};

constexpr uint32_t kKeys = 6, kOwners = 3, kSlots = 3;

class History : public Dice {
 public:
  explicit History(Journal& journal, uint64_t seed) : Dice(seed), journal_(journal), seed_(seed) {
    for (auto& owner : owners_) owner = std::make_unique<LaneOwner>(journal);
    lead_ = std::make_unique<Lead>(journal);
  }

  void Run(int steps) {
    for (int n = 0; n < steps && Failures() == 0; n++) Step();
    // In the end everything is settled. That the owner of an open record is dead shows after a moment only.
    const uint64_t end_ns = PreciseNs() + 10'000'000'000;
    while (!IsOver() && PreciseNs() < end_ns && Failures() == 0) {
      CommitAll();
      WithdrawAll();
      AnswerSome(true);
      DrainOne();
    }
    for (const Record& r : records_) Expect(!r.is_unsettled(), "a record is never settled");
    for (uint32_t i = 0; i < journal_.geometry().lane_count; i++) {
      Expect(journal_.lane(i).acked.load() == journal_.lane(i).head.load(), "a lane is not empty in the end");
    }
  }

 private:
  bool IsOver() const {
    for (uint32_t i = 0; i < journal_.geometry().lane_count; i++) {
      if (journal_.lane(i).acked.load() != journal_.lane(i).head.load()) return false;
    }
    return open_.empty() && std::none_of(records_.begin(), records_.end(), [](const Record& r) { return r.is_unsettled(); });
  }

  void Expect(bool holds, const char* what) {
    if (!holds && Failures() == 0) Fail(__FILE__, __LINE__, std::string(what) + ", STRATA_TEST_SEED=" + std::to_string(seed_));
  }

  void Step() {
    switch (Below(16)) {
      case 0: case 1: case 2: case 3: case 4: case 5: PrepareOne(); break;
      case 6: case 7: case 8: CommitOne(); break;
      case 9: case 10:
        // A record that stays open too long is taken from its writer: not every time, it costs milliseconds.
        if (Below(12) != 0) CommitAll();
        DrainOne();
        break;
      case 11: case 12: case 13: AnswerSome(Below(3) != 0); break;
      case 14: if (Below(6) == 0) Die(Below(kOwners)); break;
      case 15: if (Below(4) == 0) TakeOver(); break;
    }
    CheckPending(Below(kKeys));
  }

  void PrepareOne() {
    Record r;
    r.owner = Below(kOwners);
    r.key = Below(kKeys);
    Write write{"k" + std::to_string(r.key), "", 0};
    switch (Below(9)) {
      case 0: write.op = JournalOp::kDelete; break;
      case 1: write.op = JournalOp::kTouch; break;
      case 2: write.condition = JournalCondition::kUnchanged; break;
      case 3: write.condition = JournalCondition::kVersion; break;
      case 4: write.source_version = 3; break;
      case 5: if (Below(3) == 0) write.op = JournalOp::kClear, write.key = ""; break;
    }
    r.op = write.op;
    write.partition = PartitionOf(r);
    write.value = r.value = std::string(Below(Below(8) == 0 ? 3000 : 200), static_cast<char>('a' + Below(26)));
    const bool is_bare = write.condition == JournalCondition::kAlways && write.source_version == 0;
    r.is_plain = is_bare && (r.op == JournalOp::kSet || r.op == JournalOp::kDelete);
    r.is_replaceable = r.op != JournalOp::kClear && write.condition != JournalCondition::kVersion && write.source_version == 0;
    r.mark = Prepare(*owners_[r.owner], write);
    if (r.mark == 0) return CheckFull(*owners_[r.owner]);
    records_.push_back(r);
    open_.push_back(records_.size() - 1);
    if (Below(12) == 0) {
      owners_[r.owner]->Cancel(r.mark);
      records_.back().state = State::kGone;
      open_.pop_back();
    }
  }

  // No room is an answer only for a lane that is rather full, or if there is none.
  void CheckFull(LaneOwner& owner) {
    if (!owner.has_lane()) return;
    const Lane& lane = journal_.lane(owner.index());
    Expect(lane.head.load() - lane.acked.load() > journal_.lane_bytes() / 3, "no room in a lane that has some");
  }

  void CommitAt(size_t n) {
    Record& r = records_[open_[n]];
    open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(n));
    r.version = r.op == JournalOp::kClear ? 1 : ++versions_[r.key];
    const bool stands = owners_[r.owner]->Commit(r.mark, r.version, 1);
    Expect(stands || r.may_be_taken, "a commit fails though nobody could take the record");
    r.is_given_up = !stands;
    if (stands) r.state = State::kCommitted;
    else if (Below(2) == 0) Withdraw(r);
  }
  // Out of the table, then out of the journal.
  void Withdraw(Record& r) {
    owners_[r.owner]->Cancel(r.mark);
    r.state = State::kGone;
  }
  void WithdrawAll() {
    for (Record& r : records_) {
      if (r.is_given_up && !r.is_orphan && r.state == State::kOpen) Withdraw(r);
    }
  }
  void CommitOne() {
    if (!open_.empty()) CommitAt(Below(open_.size()));
  }
  void CommitAll() {
    while (!open_.empty()) CommitAt(Below(open_.size()));
  }

  void Die(uint32_t owner) {
    owners_[owner] = std::make_unique<LaneOwner>(journal_);
    for (size_t at : open_) {
      if (records_[at].owner != owner) continue;
      records_[at].is_orphan = true;
      if (Below(2) == 0 && records_[at].op != JournalOp::kClear) records_[at].version = ++versions_[records_[at].key];  // the table has it
    }
    std::erase_if(open_, [&](size_t at) { return records_[at].owner == owner; });
    for (Record& r : records_) r.is_orphan |= r.is_given_up && r.owner == owner && r.state == State::kOpen;
  }

  void TakeOver() {
    lead_.reset();
    lead_ = std::make_unique<Lead>(journal_);
    Expect(lead_->is_elected, "nobody leads");
    for (Record& r : records_) r.is_under_way = false;
    CheckAcked();
  }

  // Clears have one of their own.
  static uint32_t PartitionOf(const Record& r) { return r.op == JournalOp::kClear ? kPartitions - 1 : r.key % kSlots; }
  bool IsAnythingUnderWay() const {
    return std::any_of(records_.begin(), records_.end(), [](const Record& r) { return r.is_under_way; });
  }

  Record* Find(uint64_t mark) {
    for (Record& r : records_) {
      if (r.mark == mark) return &r;
    }
    return nullptr;
  }

  // True if every record of the key from `from` up to the plain write `to` may be replaced by that.
  bool Replaces(const Record& from, const Record& to) const {
    if (!to.is_plain || !from.is_replaceable || from.version >= to.version) return false;
    for (const Record& r : records_) {
      const bool is_between = r.key == from.key && r.op != JournalOp::kClear && r.state == State::kCommitted &&
                              r.version > from.version && r.version < to.version;
      if (is_between && !r.is_replaceable) return false;
    }
    return true;
  }

  void DrainOne() {
    const std::vector<Drained> batch = Drain(lead_->leader, {1 + Below(Below(2) != 0 ? 3 : 60), 1u << (5 + Below(12))});
    for (size_t at : open_) records_[at].may_be_taken = true;
    std::vector<Record*> sent;
    for (const Drained& d : batch) {
      Record* r = Find(d.mark);
      if (r == nullptr) return Expect(false, "a record nobody wrote");
      Expect(d.value == r->value && d.op == r->op, "a torn record");
      Expect(r->state == State::kCommitted || (r->state == State::kOpen && r->is_orphan), "a record that is not to be sent");
      Expect(d.is_orphan == (r->state == State::kOpen), "an orphan is not told, or is none");
      Expect(std::find(sent.begin(), sent.end(), r) == sent.end(), "a record twice in a batch");
      for (const Record& other : records_) {
        const bool is_beside = other.op == JournalOp::kClear || PartitionOf(other) == PartitionOf(*r);
        Expect(!other.is_under_way || !is_beside, "a record goes beside others of its partition, or a clear");
      }
      if (!d.is_orphan) Expect(d.version == r->version, "another version");
      r->id = d.id;
      sent.push_back(r);
    }
    if (lead_->leader.is_resend() && !batch.empty()) {
      size_t numbered = 0;
      for (const Record& r : records_) numbered += r.state == State::kCommitted && r.op_number != 0 ? 1 : 0;
      Expect(numbered == sent.size(), "not all of a former leader's records are sent again");
      for (size_t i = 0; i < sent.size(); i++) Expect(batch[i].op_number == sent[i]->op_number && batch[i].op_number != 0, "another op number");
    } else {
      for (const Record& r : records_) {
        if (!sent.empty()) Expect(r.state != State::kCommitted || r.op_number == 0 || r.is_under_way, "something new before what a former leader sent");
      }
      CheckChoice(sent);
    }
    for (Record* r : sent) r->is_under_way = true;
    Resolve(sent);
    CheckAcked();
  }

  void CheckChoice(const std::vector<Record*>& sent) {
    auto is_sent = [&](const Record& r) { return std::find(sent.begin(), sent.end(), &r) != sent.end(); };
    uint64_t highest[kKeys] = {};
    size_t clears = 0;
    for (const Record* r : sent) {
      clears += r->op == JournalOp::kClear ? 1 : 0;
      if (r->op == JournalOp::kClear || r->state != State::kCommitted) continue;
      Expect(r->version > highest[r->key], "versions of a key out of order");
      highest[r->key] = r->version;
    }
    Expect(clears == 0 || clears == sent.size(), "a clear beside other writes");
    if (clears == 0 && !sent.empty()) {
      for (const Record& r : records_) Expect(r.op != JournalOp::kClear || r.state != State::kCommitted, "other writes before a clear");
    }
    std::vector<Record*> replaced;
    for (Record& r : records_) {
      if (r.op == JournalOp::kClear || r.is_under_way || r.state != State::kCommitted || r.version > highest[r.key]) continue;
      const bool may_go = std::any_of(sent.begin(), sent.end(), [&](const Record* by) {
        return by->key == r.key && by->op != JournalOp::kClear && by->state == State::kCommitted && Replaces(r, *by);
      });
      Expect(is_sent(r) != may_go, may_go ? "a record is sent that a later one replaces" : "an older write of a key is left behind");
      if (may_go) replaced.push_back(&r);
    }
    for (Record* r : replaced) r->state = State::kReplaced;
  }

  void Resolve(const std::vector<Record*>& sent) {
    for (Record* r : sent) {
      if (!r->is_orphan || r->state != State::kOpen) continue;
      // Only what still stands in the table.
      const bool stands = r->version != 0 && r->version == versions_[r->key];
      Expect(lead_->leader.Resolve(r->id, stands ? r->version : 0, 1), "an orphan is not to be resolved");
      r->state = stands ? State::kCommitted : State::kGone;
      for (const Record& older : records_) {
        const bool is_left = stands && older.key == r->key && older.op != JournalOp::kClear && older.state == State::kCommitted &&
                             older.version < r->version && !older.is_under_way;
        Expect(!is_left, "an older write of an orphan's key is left behind");
      }
    }
  }

  void AnswerSome(bool all) {
    if (!IsAnythingUnderWay()) return;
    Leader& leader = lead_->leader;
    std::vector<Record*> due;
    for (Record& r : records_) {
      if (r.is_under_way) due.push_back(&r);
    }
    // The numbers rise as in a batch: older records of a key were sent before.
    std::sort(due.begin(), due.end(), [](const Record* a, const Record* b) { return std::pair(a->key, a->version) < std::pair(b->key, b->version); });
    for (Record* r : due) {
      if (r->state != State::kCommitted) continue;
      const uint64_t number = leader.Assign(r->id);
      uint64_t& last = last_op_[PartitionOf(*r)];
      Expect(number != 0 && (r->op_number == 0 ? number > last : number == r->op_number), "an op number twice");
      r->op_number = number;
      last = std::max(last, number);
    }
    for (Record* r : due) {
      if (!all && Below(3) == 0) continue;
      Expect(leader.Answer(r->id, {r->state == State::kGone ? JournalResult::kSuperseded : JournalResult::kStored, 1 + Below(99), {}}), "an answer is refused");
      r->is_under_way = false;
      if (r->state != State::kCommitted) continue;
      r->state = State::kSettled;
      Expect(IsSettled(journal_, r->mark), "an answered record does not count as settled");
      if (r->op != JournalOp::kClear) settled_[r->key] = std::max(settled_[r->key], r->version);
    }
    Expect(leader.Advance() == !IsAnythingUnderWay(), "a batch is over too early or too late");
    CheckAcked();
  }

  // A lane is free up to its first record that is not settled, and a replaced one is not settled before its replacement.
  void CheckAcked() {
    for (Record& r : records_) {
      if (r.state != State::kReplaced || !IsSettled(journal_, r.mark)) continue;
      Expect(settled_[r.key] > r.version, "a replaced record is settled before its replacement");
      r.state = State::kSettled;
    }
    for (Record& r : records_) {
      if (!r.is_unsettled() || !IsSettled(journal_, r.mark)) continue;
      Expect(r.state == State::kOpen && r.may_be_taken, "an unsettled record counts as settled");
      if (r.is_orphan || r.is_given_up) r.state = State::kGone;
    }
    std::erase_if(records_, [&](const Record& r) {
      return !r.is_unsettled() && IsSettled(journal_, r.mark) && open_.empty() && !r.is_under_way;
    });
  }

  void CheckPending(uint32_t key) {
    const Record* newest = nullptr;
    for (const Record& r : records_) {
      const bool counts = r.key == key && r.op != JournalOp::kClear && r.state == State::kCommitted && !r.is_orphan;
      if (counts && (newest == nullptr || r.version > newest->version)) newest = &r;
    }
    PendingFound found;
    const bool is_found = FindPending(journal_, "n", "k" + std::to_string(key), &found);
    // What replaced a later one is answered: Redis has had them all.
    const bool is_answered = newest != nullptr && std::any_of(records_.begin(), records_.end(), [&](const Record& r) {
      return r.key == key && r.state == State::kReplaced && r.version > newest->version && settled_[key] > r.version;
    });
    if (newest != nullptr && !is_answered) Expect(is_found && found.host_version >= newest->version, "a write on its way is not found");
    if (is_answered) Expect(!is_found || found.host_version > newest->version, "what is found is older than what is answered");
    if (is_found) {
      const Record* r = Find(found.mark);
      Expect(r != nullptr && r->value == found.value && r->state == State::kCommitted, "what is found is not on its way");
    }
  }

  Journal& journal_;
  uint64_t seed_, last_op_[kPartitions] = {};
  std::unique_ptr<LaneOwner> owners_[kOwners];
  std::unique_ptr<Lead> lead_;
  std::vector<Record> records_;
  std::vector<size_t> open_;
  std::map<uint32_t, uint64_t> versions_, settled_;  // by key: given by the table, and the highest that was answered
};

TEST("journal model: random histories keep every rule") {
  Directory dir;
  ForSeeds(Scaled(400), [&dir](uint64_t seed) {
    auto journal = OpenJournal(dir.path(), {seed % 2 == 0 ? 5u << 14 : 4u << 15, seed % 2 == 0 ? 5u : 4u, 4096});
    History(*journal, seed).Run(400);
    journal->file().Unlink();
  });
}

}  // namespace
}  // namespace strata::test
