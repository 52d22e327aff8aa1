// Random operations on one thread, answered by the table and by the model side by side.
#include <deque>

#include "test/native/fixture.h"
#include "test/native/model.h"
#include "test/native/options.h"

namespace strata::test {
namespace {

constexpr uint32_t kSessions = 3, kKeys = 40, kSpaces = 3;
constexpr uint64_t kUnit = 10000;  // lives end in the middle between two clock jumps, so real time never decides

class Differential {
 public:
  // `may_miss`: the table is too small, so whatever the model holds may be gone, but nothing else may be there.
  Differential(const RegionOptions& options, uint64_t seed, bool may_miss)
      : table_(OpenTable(dir_.path(), options)), random_(seed * 0x9e3779b97f4a7c15u | 1), may_miss_(may_miss) {
    for (auto& session : sessions_) session = std::make_unique<Session>(*table_);
    table_->NamespaceId("a", 0, &spaces_[1]);
    table_->NamespaceId("b", spaces_[1], &spaces_[2]);
    start_ = table_->NowMs(sessions_[0]->context());
  }

  bool Run(uint64_t operations) {
    const int before = Failures();
    for (uint64_t n = 0; n < operations && Failures() == before; n++) Step();
    if (Failures() == before) CheckAudit(*table_, sessions_[0]->context());
    if (Failures() == before) return true;
    for (const std::string& line : last_) printf("    %s\n", line.c_str());
    return false;
  }

 private:
  uint32_t Below(uint32_t n) {
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    return static_cast<uint32_t>((random_ >> 32) * n >> 32);
  }
  uint32_t EpochOf(uint32_t space) const {
    return epochs_[0] + (space >= 1 ? epochs_[1] : 0) + (space == 2 ? epochs_[2] : 0);
  }
  // The clock as of the last jump; a life of n units ends n units and a half later.
  uint64_t Now() const { return start_ + jumps_ * kUnit; }
  uint64_t Life() { return Below(3) == 0 ? Now() + (1 + Below(4)) * kUnit + kUnit / 2 : kNever; }
  std::string Value() {
    static constexpr uint32_t kMost[] = {1, 40, 300, 1500, 2100, 9000};
    std::string value(Below(kMost[Below(Below(8) == 0 ? 6 : 3)] + 1), '\0');
    for (char& c : value) c = static_cast<char>('a' + Below(26));
    return value;
  }
  // A fleet block for two values in three: a version, or a mark; now and then of an earlier doubt.
  void ChooseFleet(WriteOptions* options) {
    options->has_fleet = Below(3) != 0;
    options->fleet = {Below(10) | (Below(3) == 0 ? FleetBlock::kPending : 0), table_->Doubt() - (Below(10) == 0 ? 1 : 0), 0};
  }
  static void KeepFleet(ModelKey& k, const WriteOptions& options) {
    k.value.has_fleet = options.has_fleet;
    k.value.is_pending = options.fleet.is_pending();
    k.value.fleet = options.fleet.mark();
    k.value.doubt = options.fleet.doubt;
  }
  void Note(const std::string& what) {
    last_.push_back("t+" + std::to_string(jumps_) + " session " + std::to_string(session_) + " space " + std::to_string(space_) + " " + what);
    if (last_.size() > 30) last_.pop_front();
  }
  void Expect(bool holds, const char* what, int line) {
    if (!holds) Fail(__FILE__, line, std::string(what) + " after: " + (last_.empty() ? "" : last_.back()));
  }
#define EXPECT(condition) Expect((condition), #condition, __LINE__)

  void Step();
  void Get(ModelKey& k);
  void Set(ModelKey& k);
  void Remove(ModelKey& k);
  void Touch(ModelKey& k);
  void ExpireOne(ModelKey& k);
  void Acquire(ModelKey& k);
  void Publish(ModelKey& k, uint64_t token);
  void GiveUp(ModelKey& k, uint64_t token);
  void InvalidateOne(ModelKey& k);
  void RevalidateOne(ModelKey& k);
  void Restart();
  Session& session() { return *sessions_[session_]; }
  Key TableKey() const { return sessions_[session_]->MakeKey(name_, spaces_[space_]); }

  Directory dir_;
  std::unique_ptr<Table> table_;
  std::unique_ptr<Session> sessions_[kSessions];
  uint32_t session_lives_[kSessions] = {};
  uint32_t spaces_[kSpaces] = {};
  uint32_t epochs_[kSpaces] = {};
  uint64_t random_, start_ = 0, jumps_ = 0;
  bool may_miss_;
  std::map<std::pair<uint32_t, std::string>, ModelKey> keys_;
  std::vector<uint64_t> tokens_;  // some of those ever granted
  std::deque<std::string> last_;
  // of the step under way
  uint32_t session_ = 0, space_ = 0;
  std::string name_;
  Moment moment_{};
};

void Differential::Get(ModelKey& k) {
  std::string got;
  HeaderCopy header{};
  const bool stale_too = Below(2) != 0, doubt_too = Below(3) == 0;
  FleetBlock block{};
  const uint32_t flags = (stale_too ? kReadStaleToo : 0) | (doubt_too ? kReadDoubtToo : 0);
  Status status = table_->Read(session().context(), TableKey(), flags, [&](const Hit& hit) {
    header = hit.header;
    if (header.fleet_bytes != 0) block = hit.fleet;
    got.resize(header.value_bytes);
    return table_->CopyValue(hit, reinterpret_cast<uint8_t*>(got.data()));
  });
  Note("get " + name_ + " -> " + StatusName(status));
  const Status wanted = test::Read(k, moment_, stale_too, doubt_too);
  if (may_miss_ && status == Status::kMiss) {
    if (wanted != Status::kMiss) k.value.is_there = false;
    return;
  }
  EXPECT(status == wanted);
  if (status != Status::kOk) return;
  EXPECT(got == k.value.bytes);
  EXPECT(header.version == k.value.version);
  EXPECT((header.fleet_bytes != 0) == k.value.has_fleet);
  if (!k.value.has_fleet) return;
  EXPECT(block.mark() == k.value.fleet && block.is_pending() == k.value.is_pending && block.doubt == k.value.doubt);
}

void Differential::Set(ModelKey& k) {
  const std::string value = Value();
  WriteOptions options;
  options.soft_ms = Life();
  options.hard_ms = Life();
  ChooseFleet(&options);
  const uint32_t kind = Below(4);
  if (kind == 0) options.condition = Condition::kAbsent;
  if (kind == 1) options.condition = Condition::kVersion, options.expected = k.value.version - (Below(4) == 0 ? 1 : 0);
  uint64_t version = 0;
  Status status = session().Set(name_, value, options, &version, spaces_[space_]);
  Note("set " + name_ + " " + std::to_string(value.size()) + " bytes, kind " + std::to_string(kind) + " -> " +
       StatusName(status));
  const bool usable = Usable(k.value, moment_);
  bool holds = true;
  if (kind == 0) holds = !usable;
  if (kind == 1) holds = usable && k.value.version == options.expected;
  if (may_miss_ && status == Status::kNoRoom) return RemoveAll(k);
  if (may_miss_ && kind == 0 && status == Status::kOk) holds = true;
  if (may_miss_ && kind == 1 && status == Status::kConflict && holds) {
    k.value.is_there = holds = false;
  }
  EXPECT(status == (holds ? Status::kOk : Status::kConflict));
  if (status != Status::kOk) return;
  EXPECT(version > k.highest);
  k.highest = version;
  Put(k, moment_, value, version, options.soft_ms, options.hard_ms);
  KeepFleet(k, options);
}

void Differential::Remove(ModelKey& k) {
  Status status = session().Delete(name_, spaces_[space_]);
  Note("delete " + name_ + " -> " + StatusName(status));
  const bool usable = Usable(k.value, moment_);
  if (!may_miss_ || status == Status::kOk) EXPECT(status == (usable ? Status::kOk : Status::kMiss));
  RemoveAll(k);
}

void Differential::Touch(ModelKey& k) {
  const uint64_t soft = Life(), hard = Life();
  Status status = table_->Touch(session().context(), TableKey(), soft, hard);
  Note("touch " + name_ + " -> " + StatusName(status));
  if (may_miss_ && status == Status::kNoRoom) return RemoveAll(k);
  if (may_miss_ && status == Status::kMiss) {
    k.value.is_there = false;
    return;
  }
  EXPECT(status == (Usable(k.value, moment_) ? Status::kOk : Status::kMiss));
  if (status != Status::kOk) return;
  k.value.soft = soft;
  k.value.hard = hard;
  // The version stays, so a load under way does too; a memo of a failure goes.
  if (k.lease.is_error || k.lease.granted_over != k.value.version) k.lease.is_there = false;
}

void Differential::ExpireOne(ModelKey& k) {
  Status status = table_->Expire(session().context(), TableKey());
  Note("expire " + name_ + " -> " + StatusName(status));
  if (may_miss_ && status == Status::kNoRoom) return RemoveAll(k);
  if (may_miss_ && status == Status::kMiss) {
    k.value.is_there = false;
    return;
  }
  EXPECT(status == (Usable(k.value, moment_) ? Status::kOk : Status::kMiss));
  if (status != Status::kOk) {
    k.lease.is_there = false;
    return;
  }
  HeaderCopy header{};
  std::string got;
  Status after = session().Get(name_, &got, kReadStaleToo | kReadDoubtToo, spaces_[space_], &header);
  k.lease.is_there = false;
  if (k.value.soft != kNever && moment_.now >= k.value.soft) {  // already stale: only the version is new
    EXPECT(after == Status::kOk || may_miss_);
  } else if (k.value.soft != kNever && k.value.hard > k.value.soft) {
    EXPECT(after == Status::kOk || may_miss_);
  } else {
    EXPECT(after == Status::kMiss);  // no grace
  }
  if (after != Status::kOk) {
    // Still in its slot, with a version nobody was told; from here on it counts as the highest seen.
    return RemoveAll(k), static_cast<void>(session().Delete(name_, spaces_[space_]));
  }
  EXPECT(got == k.value.bytes && header.version > k.value.version);
  k.highest = k.value.version = header.version;
  k.value.soft = header.soft_ms;
  k.value.hard = header.hard_ms;
}

void Differential::Acquire(ModelKey& k) {
  const bool force = Below(3) == 0;
  const uint64_t lease_ms = (1 + Below(3)) * kUnit + kUnit / 2;
  const uint64_t awaited = k.lease.is_there && k.lease.is_error && Below(2) != 0 ? k.lease.token : 0;
  uint64_t token = 0;
  bool fresh = false;
  std::string error;
  Status status = table_->Acquire(session().context(), TableKey(), lease_ms, force, awaited, &token, &fresh, &error);
  Note("acquire " + name_ + (force ? " by force" : "") + " -> " + StatusName(status));
  Status wanted = Status::kOk;
  if (Fresh(k.value, moment_) && !force) wanted = Status::kMiss;
  else if (awaited != 0 && moment_.now < k.lease.hard) wanted = Status::kFlightFailed;
  else if (Live(k, moment_, session_lives_)) wanted = Status::kLeaseBusy;
  if (may_miss_ && status == Status::kNoRoom) return;
  if (may_miss_ && status != wanted) {
    // Only what is gone explains another answer.
    if (wanted == Status::kMiss) k.value.is_there = false;
    if (status == Status::kOk) k.lease.is_there = false;
    const ModelLease& l = k.lease;
    if (status == Status::kOk) wanted = Status::kOk;
    else if (l.is_error) wanted = Status::kFlightFailed;
    else if (l.is_there && l.epoch == moment_.epoch && moment_.now < l.hard) wanted = Status::kLeaseBusy;
  }
  EXPECT(status == wanted);
  if (status == Status::kMiss) EXPECT(fresh);
  if (status == Status::kLeaseBusy) EXPECT(token == k.lease.token);
  if (status == Status::kFlightFailed) EXPECT(error == k.lease.error);
  if (status != Status::kOk) return;
  ModelLease lease{true, false, "", token, 0, Now() + lease_ms, moment_.epoch, session_, session_lives_[session_]};
  Grant(k, moment_, lease);
  for (uint64_t other : tokens_) EXPECT(other != token);
  tokens_.push_back(token);
  if (tokens_.size() > 200) tokens_.erase(tokens_.begin(), tokens_.begin() + 100);
}

void Differential::Publish(ModelKey& k, uint64_t token) {
  const std::string value = Value();
  WriteOptions options;
  options.lease_token = token;
  options.soft_ms = Life();
  ChooseFleet(&options);
  uint64_t version = 0;
  Status status = session().Set(name_, value, options, &version, spaces_[space_]);
  Note("publish " + name_ + " -> " + StatusName(status));
  const bool may = MayPublish(k, moment_, token);
  if (may_miss_ && status == Status::kNoRoom) return RemoveAll(k);
  if (may_miss_ && status == Status::kLeaseLost) return;  // the record may still lie there
  if (may_miss_ && status == Status::kOk) {  // granted over nothing, though the model still held a value
    EXPECT(k.lease.is_there && k.lease.token == token && k.lease.epoch == moment_.epoch);
  } else {
    EXPECT(status == (may ? Status::kOk : Status::kLeaseLost));
  }
  if (status != Status::kOk) return;
  EXPECT(version > k.highest);
  k.highest = version;
  Put(k, moment_, value, version, options.soft_ms, kNever);
  KeepFleet(k, options);
}

void Differential::GiveUp(ModelKey& k, uint64_t token) {
  const bool mine = k.lease.is_there && !k.lease.is_error && k.lease.token == token;
  const bool fails = Below(2) != 0;
  const std::string error = "error " + std::to_string(Below(1000));
  const uint64_t memo = (1 + Below(2)) * kUnit + kUnit / 2;
  Status status = fails ? table_->Fail(session().context(), TableKey(), token,
                                       reinterpret_cast<const uint8_t*>(error.data()),
                                       static_cast<uint32_t>(error.size()), memo)
                        : table_->Abandon(session().context(), TableKey(), token);
  Note(std::string(fails ? "fail " : "abandon ") + name_ + " -> " + StatusName(status));
  if (!may_miss_ || status == Status::kOk) EXPECT(status == (mine ? Status::kOk : Status::kLeaseLost));
  if (!mine) return;
  k.lease.is_there = fails && status == Status::kOk;
  k.lease.is_error = true;
  k.lease.error = error;
  k.lease.hard = Now() + memo;
  k.lease.epoch = moment_.epoch;
}

void Differential::InvalidateOne(ModelKey& k) {
  const uint64_t version = Below(11), settled = Below(10);
  const auto is_settled = [settled](uint64_t mark) { return mark == settled; };
  const Invalidated done = table_->Invalidate(session().context(), TableKey(), version, is_settled);
  Note("invalidate " + name_ + " to " + std::to_string(version) + ", settled " + std::to_string(settled) + " -> " +
       std::to_string(static_cast<int>(done)));
  // Only what is gone explains another answer.
  if (may_miss_ && done == Invalidated::kAbsent) k.value.is_there = false;
  if (may_miss_ && !k.value.is_there && done != Invalidated::kAbsent) {  // an unusable one may still lie there
    if (done == Invalidated::kRemoved) RemoveAll(k);
    return;
  }
  EXPECT(static_cast<int>(test::Invalidate(k, version, settled)) == static_cast<int>(done));
}

void Differential::RevalidateOne(ModelKey& k) {
  const uint64_t version = k.value.has_fleet && Below(3) != 0 ? k.value.fleet : Below(10);
  const uint32_t doubt = moment_.doubt - (Below(6) == 0 ? 1 : 0);
  const bool has_lives = Below(2) != 0;
  const Lives lives{Life(), Life()};
  Status status = table_->Revalidated(session().context(), TableKey(), version, doubt, has_lives ? &lives : nullptr);
  Note("revalidated " + name_ + " at " + std::to_string(version) + " -> " + StatusName(status));
  if (may_miss_ && status == Status::kNoRoom) return RemoveAll(k);
  const ModelValue& v = k.value;
  const bool holds = Usable(v, moment_) && v.has_fleet && !v.is_pending && v.fleet == version;
  if (may_miss_ && holds && status == Status::kMiss) {
    k.value.is_there = false;
    return;
  }
  EXPECT(status == (holds ? Status::kOk : Status::kMiss));
  if (status != Status::kOk) return;
  if (v.doubt == doubt && !has_lives) return;  // nothing to write
  k.value.doubt = doubt;
  if (has_lives) k.value.soft = lives.soft_ms, k.value.hard = lives.hard_ms;
  if (k.lease.is_error || k.lease.granted_over != k.value.version) k.lease.is_there = false;
}

void Differential::Restart() {
  sessions_[session_].reset();
  sessions_[session_] = std::make_unique<Session>(*table_);
  sessions_[session_]->context().clock_offset_ms = static_cast<int64_t>(jumps_ * kUnit);
  session_lives_[session_]++;
  Note("leaves and comes back");
}

void Differential::Step() {
  session_ = Below(kSessions);
  space_ = Below(kSpaces);
  name_ = "key" + std::to_string(Below(kKeys));
  moment_ = {table_->NowMs(session().context()), EpochOf(space_), table_->Doubt()};
  ModelKey& k = keys_[{space_, name_}];
  const uint32_t dice = Below(1000);
  const uint64_t token = k.lease.is_there && Below(4) != 0 ? k.lease.token
                         : tokens_.empty() ? 12345 : tokens_[Below(static_cast<uint32_t>(tokens_.size()))];
  if (dice < 250) return Get(k);
  if (dice < 290) return InvalidateOne(k);
  if (dice < 340) return RevalidateOne(k);
  if (dice < 500) return Set(k);
  if (dice < 560) return Remove(k);
  if (dice < 620) return Touch(k);
  if (dice < 640) return ExpireOne(k);
  if (dice < 800) return Acquire(k);
  if (dice < 900) return Publish(k, token);
  if (dice < 960) return GiveUp(k, token);
  if (dice < 970) return Restart();
  if (dice < 980) {
    table_->ClearNamespace(spaces_[space_]);
    epochs_[space_]++;
    return Note("clear " + std::to_string(space_));
  }
  if (dice < 985) {
    table_->RaiseDoubt();
    return Note("doubt is raised");
  }
  jumps_++;
  for (auto& each : sessions_) each->context().clock_offset_ms = static_cast<int64_t>(jumps_ * kUnit);
  Note("the clock jumps");
}

void RunModel(const RegionOptions& options, uint64_t runs, uint64_t operations, bool may_miss) {
  for (uint64_t run = 0; run < runs; run++) {
    const uint64_t seed = Seed() + run;
    if (Differential(options, seed, may_miss).Run(operations)) continue;
    printf("  repeat with STRATA_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed));
    return;
  }
  printf("  %llu operations\n", static_cast<unsigned long long>(runs * operations));
}

TEST("model: the table answers as a map with the same rules") {
  RunModel({24u << 20, 200, 4096}, Scaled(60), 6000, false);
}

TEST("model: a table that evicts may miss, but never lies") {
  RunModel({1u << 20, 1000, 4096}, Scaled(40), 20000, true);
}

}  // namespace
}  // namespace strata::test
