#include "test/native/journal_world.h"

#include <algorithm>

#include <sys/mman.h>

#include <cstring>
#include <utility>

#include "journal/letters.h"
#include "shm/clock.h"
#include "shm/futex.h"

namespace strata::test {
namespace {

constexpr uint64_t kDeadlineNs = uint64_t{30} * 1000000000;

struct Payload {
  uint32_t id, key;
};

uint64_t Mix(uint64_t x) { return (x ^ x >> 31) * 0x9e3779b97f4a7c15u; }

uint64_t NextRandom(uint64_t* state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

std::string ValueOf(uint32_t id, uint32_t key, size_t bytes) {
  std::string value(sizeof(Payload) + bytes, '\0');
  const Payload payload{id, key};
  std::memcpy(value.data(), &payload, sizeof(payload));
  for (size_t i = 0; i < bytes; i++) value[sizeof(payload) + i] = static_cast<char>(Mix(id + i / 8) >> (i % 8 * 8));
  return value;
}

bool ReadValue(std::string_view value, Payload* payload) {
  if (value.size() < sizeof(Payload)) return false;
  std::memcpy(payload, value.data(), sizeof(Payload));
  return payload->id < kWorldIds && value == ValueOf(payload->id, payload->key, value.size() - sizeof(Payload));
}

std::string NameOf(uint32_t key) { return "key" + std::to_string(key); }

// What Redis answers; refused ones become dead letters.
JournalResult DecisionOn(uint32_t id) {
  switch (Mix(id) >> 32 & 63) {
    case 0: return JournalResult::kDead;
    case 1: case 2: return JournalResult::kLost;
    case 3: return JournalResult::kOlder;
    default: return JournalResult::kStored;
  }
}

void Raise(Atomic<uint64_t>& floor, uint64_t to) {
  uint64_t now = floor.load();
  while (now < to && !floor.compare_exchange_weak(now, to)) {
  }
}

}  // namespace

World* World::Create() {
  void* at = mmap(nullptr, sizeof(World), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) return nullptr;
  auto* world = static_cast<World*>(at);
  world->next_id.store(1);
  return world;
}

void World::Destroy(World* world) { munmap(static_cast<void*>(world), sizeof(World)); }

void World::Fail(const std::string& what) {
  if (has_failed.exchange(1) != 0) return;
  snprintf(message, sizeof(message), "%s", what.c_str());
  has_failed.store(2);
}

uint32_t WorldWriter::Below(uint64_t n) { return static_cast<uint32_t>((NextRandom(&random_) >> 32) * n >> 32); }
uint32_t WorldLeader::Below(uint64_t n) { return static_cast<uint32_t>((NextRandom(&random_) >> 32) * n >> 32); }

bool WorldWriter::WaitForRoom() {
  world_.no_room.fetch_add(1, kRelaxed);
  const uint64_t deadline = PreciseNs() + kDeadlineNs;
  Atomic<uint32_t>& wake = journal_.header().settle_wake;
  while (world_.stop.load() == 0 && world_.has_failed.load() == 0) {
    const uint32_t seen = wake.load();
    AnnounceSettleWaiter(journal_);
    if (owner_.IsRoomy()) return true;
    if (PreciseNs() > deadline) {
      world_.Fail("no room for ever");
      return false;
    }
    FutexWait(wake, seen, 5);
  }
  return false;
}

// The write that was given up cannot be made anew now: what the table shows of it goes, then its record.
void WorldWriter::Withdraw(uint32_t key, uint32_t id) {
  const uint32_t nobody = world_.next_id.fetch_add(1);
  if (nobody >= kWorldIds) return;
  world_.writes[nobody].version.store(world_.writes[id].version.load());
  uint32_t shown = id;
  world_.table[key].compare_exchange_strong(shown, nobody);
  owner_.Cancel(world_.writes[id].mark.load());
}

bool WorldWriter::Step() {
  const uint32_t key = Below(3) != 0 ? Below(20) : Below(kWorldKeys);
  Write write{NameOf(key), "", 0};
  bool is_replaceable = true, is_clear = false;
  switch (Below(12)) {
    case 0: write.op = JournalOp::kDelete; break;
    case 1: write.op = JournalOp::kTouch; break;
    case 2: write.condition = JournalCondition::kUnchanged; break;
    case 3: write.condition = JournalCondition::kVersion, is_replaceable = false; break;
    case 4: write.source_version = 7, is_replaceable = false; break;
    case 5: is_clear = Below(8) == 0; break;
  }
  if (is_clear) write.op = JournalOp::kClear, write.key = "", is_replaceable = false;
  const size_t bytes = Below(12) == 0 ? Below(journal_.max_record_bytes() - 300) : Below(200);
  uint32_t given_up = 0;
  for (;;) {
    const uint32_t id = world_.next_id.fetch_add(1);
    if (id >= kWorldIds) return false;
    const std::string value = ValueOf(id, key, bytes);
    JournalInput input = InputOf(write);
    input.partition = static_cast<uint16_t>(is_clear ? kWorldClears : key % kWorldClears);
    uint64_t mark;
    Status status;
    while ((status = owner_.Prepare(input, value, &mark)) == Status::kNoRoom) {
      if (given_up != 0) Withdraw(key, std::exchange(given_up, 0));
      if (!WaitForRoom()) return false;
    }
    if (status != Status::kOk) world_.Fail("a record is refused");
    if (Below(40) == 0) {
      owner_.Cancel(mark);
      continue;
    }
    WorldWrite& own = world_.writes[id];
    own.mark.store(mark);
    uint64_t version = 1;
    if (!is_clear) {
      uint32_t before = world_.table[key].load();
      do {
        version = world_.writes[before].version.load() + 1;
        own.version.store(version);
      } while (!world_.table[key].compare_exchange_weak(before, id));
    }
    if (given_up != 0) owner_.Cancel(world_.writes[given_up].mark.load());  // the table has this one in its place
    if (!owner_.Commit(mark, version, 1)) {
      world_.redone.fetch_add(1, kRelaxed);
      given_up = id;
      continue;
    }
    if (!is_replaceable) own.fate.fetch_or(kMustBeApplied);
    if (!is_clear) Raise(world_.acknowledged[key], version);
    world_.checked.fetch_add(1, kRelaxed);
    if (Below(16) == 0) {
      owner_.Await(mark);
      awaited_.emplace_back(mark, id);
    }
    if (!is_clear && Below(4) == 0) CheckPending(key, version);
    if (Below(8) == 0) CheckAnswers();
    return true;
  }
}

void WorldWriter::CheckPending(uint32_t key, uint64_t version) {
  PendingFound found;
  if (FindPending(journal_, "n", NameOf(key), &found)) {
    Payload payload;
    if (!ReadValue(found.value, &payload) || payload.key != key) return world_.Fail("a torn record is found on its way");
    if (world_.writes[payload.id].mark.load() != found.mark) return world_.Fail("a record is found under another's mark");
    if (found.host_version >= version) return;
  }
  if (world_.applied[key].load() >= version) return;
  world_.Fail("a write on its way is not found: key " + std::to_string(key) + " version " + std::to_string(version));
}

void WorldWriter::CheckAnswers() {
  JournalAnswer answers[16];
  AnnounceSettleWaiter(journal_);
  const size_t count = owner_.TakeAnswers(answers, 16);
  for (size_t i = 0; i < count; i++) {
    size_t at = 0;
    while (at < awaited_.size() && awaited_[at].first != answers[i].mark) at++;
    if (at == awaited_.size()) return world_.Fail("an answer nobody awaits");
    const uint32_t id = awaited_[at].second;
    awaited_.erase(awaited_.begin() + static_cast<std::ptrdiff_t>(at));
    const JournalResult result = answers[i].result;
    const bool must = (world_.writes[id].fate.load() & kMustBeApplied) != 0;
    // Of a lane that was given up, only that it is settled is known.
    const bool is_right = (has_left_ && result == JournalResult::kNone) || result == DecisionOn(id) || result == JournalResult::kDuplicate || (result == JournalResult::kSuperseded && !must);
    if (!is_right) return world_.Fail("a wrong answer: " + std::to_string(static_cast<int>(result)) + " for write " + std::to_string(id));
  }
}

bool WorldWriter::Finish() {
  const uint64_t deadline = PreciseNs() + kDeadlineNs;
  Atomic<uint32_t>& wake = journal_.header().settle_wake;
  while (owner_.is_awaiting() && world_.has_failed.load() == 0) {
    const uint32_t seen = wake.load();
    AnnounceSettleWaiter(journal_);
    CheckAnswers();
    if (PreciseNs() > deadline) world_.Fail("an answer does not come");
    if (owner_.is_awaiting()) FutexWait(wake, seen, 5);
  }
  if (world_.has_failed.load() == 0 && !awaited_.empty()) world_.Fail("an awaited answer was lost");
  return world_.has_failed.load() == 0;
}

bool WorldLeader::TryLead() {
  if (leader_ != nullptr) return true;
  auto candidate = std::make_unique<Candidate>(journal_, [] {});
  if (!candidate->TryElect()) return false;
  candidate_ = std::move(candidate);
  // Reads the lanes, so not before: they are another's until then.
  leader_ = std::make_unique<Leader>(journal_, *candidate_);
  return true;
}

void WorldLeader::Resign() {
  under_way_.clear();
  leader_.reset();
  candidate_.reset();
}

// What Redis does with the record.
JournalResult WorldLeader::Send(uint32_t record) {
  const IndexEntry& entry = leader_->entry(record);
  const RecordBody body = leader_->body(record);
  const uint64_t mark = Mark::Make(entry.lane, entry.position).raw;
  const bool is_resend = leader_->is_resend();
  Payload payload;
  if (!ReadValue(body.value, &payload)) return world_.Fail("a torn record is sent"), JournalResult::kDead;
  const std::string name = entry.op == JournalOp::kClear ? "" : NameOf(payload.key);
  if (body.key != name || body.ns != "n") return world_.Fail("a record of another key is sent"), JournalResult::kDead;
  if (entry.op_number == 0 || entry.op_number >= kWorldOps) return world_.Fail("no op number"), JournalResult::kDead;
  Atomic<uint64_t>& op = world_.ops[entry.partition][entry.op_number];
  if (op.load() == mark) return is_resend ? JournalResult::kDuplicate : (world_.Fail("sent twice"), JournalResult::kDead);
  if (op.load() != 0) return world_.Fail("an op number stands for two records"), JournalResult::kDead;
  if (entry.op_number <= world_.last_op[entry.partition].load()) return world_.Fail("skipped though it never came"), JournalResult::kDead;
  WorldWrite& own = world_.writes[payload.id];
  if (entry.op != JournalOp::kClear) {
    const uint64_t last = world_.applied[payload.key].load();
    if (entry.version != own.version.load()) world_.Fail("a record is sent under another version");
    if (entry.version < last || (entry.version == last && !is_resend)) {
      world_.Fail("key " + std::to_string(payload.key) + " version " + std::to_string(entry.version) + " after " + std::to_string(last));
    }
    Raise(world_.applied[payload.key], entry.version);
  }
  if ((own.fate.fetch_or(kApplied) & kApplied) != 0 && !is_resend) world_.Fail("a write is applied twice");
  op.store(mark);  // last: whoever dies before it sends again
  world_.last_op[entry.partition].store(entry.op_number);
  return DecisionOn(payload.id);
}

// Sends another batch, of whatever is not under way. False if there is none.
bool WorldLeader::DrainOne() {
  Leader& leader = *leader_;
  const std::vector<uint32_t> batch = leader.Drain({1 + Below(Below(2) != 0 ? 8 : 200), uint64_t{1} << (8 + Below(12))});
  if (leader.is_resend()) world_.resent.fetch_add(batch.size(), kRelaxed);
  std::vector<JournalResult> results(batch.size(), JournalResult::kNone);
  for (size_t i = 0; i < batch.size(); i++) {
    const IndexEntry& entry = leader.entry(batch[i]);
    for (const auto& [id, result] : under_way_) {
      const IndexEntry& other = leader.entry(id);
      if (other.partition == entry.partition || other.op == JournalOp::kClear) world_.Fail("a record goes beside others of its partition, or a clear");
    }
    if (!entry.is_orphan) continue;
    world_.orphans.fetch_add(1, kRelaxed);
    Payload payload;
    if (!ReadValue(leader.body(batch[i]).value, &payload)) world_.Fail("a torn orphan");
    const bool stands = entry.op != JournalOp::kClear && world_.table[payload.key].load() == payload.id;
    leader.Resolve(batch[i], stands ? world_.writes[payload.id].version.load() : 0, 1);
    if (!stands) results[i] = JournalResult::kSuperseded;
  }
  for (size_t i = 0; i < batch.size() && !leader.is_resend(); i++) {
    if (results[i] == JournalResult::kNone && leader.Assign(batch[i]) == 0) world_.Fail("no op number is given");
  }
  for (size_t i = 0; i < batch.size(); i++) {
    if (results[i] == JournalResult::kNone) results[i] = Send(batch[i]);
    under_way_.emplace_back(batch[i], results[i]);
  }
  return !batch.empty();
}

// In any order, and not always all of them before the leader goes.
void WorldLeader::AnswerSome() {
  const size_t count = under_way_.size(), first = Below(count);
  const size_t left_out = Below(4) == 0 ? Below(count) : 0;
  std::rotate(under_way_.begin(), under_way_.begin() + static_cast<std::ptrdiff_t>(first), under_way_.end());
  for (size_t n = left_out; n < count; n++) leader_->Answer(under_way_[n].first, {under_way_[n].second, 100, "refused"});
  under_way_.resize(left_out);
  if (leader_->Advance() != under_way_.empty()) world_.Fail("what is under way is over too early or too late");
  if (left_out != 0 && Below(8) == 0) Resign();
}

bool WorldLeader::Step() {
  if (under_way_.empty() && Below(8) == 0 && leader_->GoToSleep()) return false;
  const bool has_more = (under_way_.empty() || Below(2) == 0) && DrainOne();
  if (!under_way_.empty() && (!has_more || Below(2) == 0)) AnswerSome();
  else if (!has_more) return !leader_->GoToSleep();
  return true;
}

bool WorldLeader::DrainAll() {
  const uint64_t deadline = PreciseNs() + kDeadlineNs;
  for (;;) {
    uint64_t pending = 0;
    for (uint32_t i = 0; i < journal_.geometry().lane_count; i++) {
      pending += journal_.lane(i).head.load() - journal_.lane(i).acked.load();
    }
    if (pending == 0 || world_.has_failed.load() != 0) break;
    if (PreciseNs() > deadline) world_.Fail("records that nobody drains: " + std::to_string(pending) + " bytes");
    if (TryLead()) Step();
  }
  Resign();
  return world_.has_failed.load() == 0;
}

std::string Examine(Journal& journal, World& world) {
  if (world.has_failed.load() != 0) return world.message;
  for (uint32_t key = 0; key < kWorldKeys; key++) {
    const uint64_t applied = world.applied[key].load(), acknowledged = world.acknowledged[key].load();
    if (applied < acknowledged) {
      return "lost: key " + std::to_string(key) + " is acknowledged at " + std::to_string(acknowledged) + ", Redis has " + std::to_string(applied);
    }
    PendingFound found;
    if (FindPending(journal, "n", NameOf(key), &found)) return "a settled write is found on its way";
  }
  for (uint32_t id = 0; id < world.next_id.load() && id < kWorldIds; id++) {
    if (world.writes[id].fate.load() == kMustBeApplied) return "lost: write " + std::to_string(id);
  }
  if (journal.header().counters[static_cast<size_t>(JournalCounter::damaged)].load() != 0) return "records count as damaged";
  for (const DeadLetter& letter : ReadLetters(journal)) {
    Payload payload;
    if (letter.has_value && (!ReadValue(letter.value, &payload) || letter.reason != "refused")) return "a torn dead letter";
  }
  std::vector<std::unique_ptr<LaneOwner>> owners;
  for (uint32_t i = 0; i < journal.geometry().lane_count; i++) {
    owners.push_back(std::make_unique<LaneOwner>(journal));
    if (!owners.back()->IsRoomy()) return "lane " + std::to_string(i) + " is lost";
  }
  return "";
}

}  // namespace strata::test
