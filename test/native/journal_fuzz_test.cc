// Broken bytes in the journal's file: refused when it is opened, or endured. Records may be lost then, but what is handed
// out is what was written; nothing crashes, nothing loops, and what is not broken goes on.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "journal/breaker.h"
#include "shm/clock.h"
#include "test/native/journal_fixture.h"
#include "test/native/region_files.h"
#include "test/native/seeds.h"

namespace strata::test {
namespace {

constexpr JournalOptions kTiny{4u << 13, 4, 4096};

struct Opened {
  std::unique_ptr<Journal> journal;
  RegionError error;
  std::string warnings;
};

Opened Open(const std::string& dir, const JournalOptions& options = kTiny) {
  Opened opened;
  opened.journal.reset(Journal::Open(dir, "j", options, &opened.error, &opened.warnings));
  return opened;
}

void Patch(const std::string& file, uint64_t at, const void* bytes, size_t count) {
  const int fd = open(file.c_str(), O_RDWR | O_CLOEXEC);
  CHECK(fd >= 0 && pwrite(fd, bytes, count, static_cast<off_t>(at)) == static_cast<ssize_t>(count));
  close(fd);
}

void CheckRefused(const char* what, Status status, const std::function<void(const std::string&)>& spoil) {
  Directory dir;
  const std::string first = Open(dir.path()).journal->file().path();
  spoil(first);
  const std::string before = Fingerprint(first);
  Opened one = Open(dir.path()), two = Open(dir.path());
  if (one.journal == nullptr || two.journal == nullptr) return Fail(__FILE__, __LINE__, std::string(what) + ": " + one.error.detail);
  if (one.journal->file().path() == first) return Fail(__FILE__, __LINE__, std::string("attached to ") + what);
  CHECK(one.journal->file().inode() == two.journal->file().inode());
  if (one.warnings.find(StatusName(status)) != 0) Fail(__FILE__, __LINE__, std::string(what) + " gives " + one.warnings);
  if (Fingerprint(first) != before) Fail(__FILE__, __LINE__, std::string("changed ") + what);
}

template <class T>
void CheckRefusedWord(const char* what, Status status, size_t at, T value) {
  CheckRefused(what, status, [&](const std::string& file) { Patch(file, at, &value, sizeof(value)); });
}

TEST("journal file: what is not whole, of another layout or contradicts itself is refused and left alone") {
  CheckRefusedWord("an unfinished journal", Status::kRegionTorn, offsetof(JournalHeader, magic), uint64_t{0});
  CheckRefusedWord("another layout", Status::kRegionLayout, offsetof(JournalHeader, layout_fingerprint), JournalFingerprint() ^ 1);
  CheckRefusedWord("another time namespace", Status::kRegionForeign, offsetof(JournalHeader, time_namespace), uint64_t{1});
  for (off_t size : {0, 1, 4095, 8191, 8192, 50000}) {
    CheckRefused("a truncated journal", Status::kRegionTorn, [size](const std::string& file) { CHECK(truncate(file.c_str(), size) == 0); });
  }
  CheckRefused("a longer journal", Status::kRegionTorn, [](const std::string& file) { CHECK(truncate(file.c_str(), 1 << 20) == 0); });
  for (size_t at = 0; at < sizeof(JournalGeometry); at += 4) {
    for (uint32_t value : {0u, 1u, 13u, 4096u, 0x7fffffffu, ~0u}) {
      Directory dir;
      uint32_t old;
      std::memcpy(&old, reinterpret_cast<const uint8_t*>(&Open(dir.path()).journal->geometry()) + at, sizeof(old));
      if (old == value) continue;
      CheckRefusedWord("a contradicting geometry", Status::kRegionTorn, offsetof(JournalHeader, geometry) + at, value);
      if (Failures() != 0) return printf("  word at %zu, value %u\n", at, value), void();
    }
  }
}

TEST("journal file: one of an earlier boot gives its name away, and attaching keeps the sizes that are there") {
  Directory dir;
  const Opened first = Open(dir.path());
  const std::string path = first.journal->file().path();
  const Opened second = Open(dir.path(), {1u << 20, 8, 8192});
  CHECK(second.journal->file().inode() == first.journal->file().inode() && second.journal->geometry().lane_count == 4);
  first.journal->header().boot_id_hash ^= 1;
  const Opened third = Open(dir.path());
  CHECK(third.journal->file().path() == path && third.journal->file().inode() != first.journal->file().inode());
  CHECK(third.warnings.find("REGION_BOOT") == 0 && first.journal->file().IsUnlinked());
}

TEST("journal file: sizes that cannot be are refused before anything is made") {
  Directory dir;
  for (JournalOptions options : {JournalOptions{1u << 20, 0, 4096}, {1u << 20, 4097, 4096}, {4095, 1, 4096}, {uint64_t{1} << 40, 1, 4096},
                                 {~uint64_t{0}, 1, 4096}, {1u << 20, 4, 0}, {1u << 20, 4, 4097}, {1u << 20, 4, 128u << 20}}) {
    const Opened opened = Open(dir.path(), options);
    CHECK(opened.journal == nullptr && opened.error.status == Status::kBadOptions);
  }
  CHECK_EQ(CountFiles(dir.path()), 0);
}

// Isolates that write, one that leads, and a memory of what was written under which mark.
class Fuzz : public Dice {
 public:
  Fuzz(Journal& journal, uint64_t seed) : Dice(seed), journal_(journal), seed_(seed) {
    for (int i = 0; i < 3; i++) owners_.push_back(std::make_unique<LaneOwner>(journal));
    Elect();
  }

  void Work(int steps) {
    for (int n = 0; n < steps; n++) Step();
  }

  // Half of the bits in what is small and steers everything.
  void Flip(int bits) {
    const JournalGeometry& g = journal_.geometry();
    auto* base = reinterpret_cast<uint8_t*>(&journal_.header());
    const uint64_t areas[][2] = {{g.lanes_at, g.lanes_at + g.lane_count * sizeof(Lane)}, {offsetof(JournalHeader, term), sizeof(JournalHeader)},
                                 {g.filters_at, g.letters_at}, {g.letters_at, g.rings_at}, {g.rings_at, g.file_bytes}, {g.rings_at, g.file_bytes}};
    for (int n = 0; n < bits; n++) {
      const uint64_t* area = areas[Below(6)];
      uint64_t at = area[0] + Below(area[1] - area[0]);
      if (Below(2) == 0 && area[0] == g.rings_at && !positions_.empty()) {  // a record's header
        const Mark mark{positions_[Below(positions_.size())]};
        at = static_cast<uint64_t>(reinterpret_cast<uint8_t*>(journal_.RecordAt(mark.lane(), mark.position())) - base) + Below(sizeof(JournalRecord));
      }
      if (Below(8) == 0) base[at] = static_cast<uint8_t>(Below(2) * 255);
      else base[at] = static_cast<uint8_t>(base[at] ^ (1u << Below(8)));
    }
  }

  // After the damage the host still works: what is written now goes.
  void CheckUsable() {
    for (auto& owner : owners_) owner->Release();
    Elect();
    for (int n = 0; n < 50; n++) LeaderTurn();
  }
  // Turns until every lane is empty: that the owner of an open record is gone shows after a moment only.
  void Finish() {
    const uint64_t end_ns = PreciseNs() + 10'000'000'000;
    while (!IsEmpty() && PreciseNs() < end_ns) LeaderTurn();
  }
  bool IsEmpty() const {
    for (uint32_t i = 0; i < journal_.geometry().lane_count; i++) {
      if (journal_.lane(i).acked.load() != journal_.lane(i).head.load()) return false;
    }
    return true;
  }
  bool has_lanes() {
    LaneOwner owner(journal_);
    return Put(owner, {"last", "v", 1}) != 0;
  }

 private:
  void Elect() {
    lead_.reset();
    under_way_.clear();
    lead_ = std::make_unique<Lead>(journal_);
    if (!lead_->is_elected) Fail(__FILE__, __LINE__, "nobody can lead");
  }

  void Remember(uint64_t mark, const std::string& key, const std::string& value) {
    written_[mark] = {key, value};
    positions_.push_back(mark);
    if (positions_.size() > 64) positions_.erase(positions_.begin());
  }

  void Check(uint64_t mark, std::string_view key, std::string_view value) {
    const auto at = written_.find(mark);
    if (at == written_.end()) return Fail(__FILE__, __LINE__, "a record nobody wrote, seed " + std::to_string(seed_));
    if (at->second.first != key || at->second.second != value) Fail(__FILE__, __LINE__, "a torn record, seed " + std::to_string(seed_));
  }

  void Step() {
    LaneOwner& owner = *owners_[Below(owners_.size())];
    const std::string key = "key" + std::to_string(Below(30));
    switch (Below(12)) {
      case 0: case 1: case 2: case 3: case 4: {
        const std::string value(Below(300), static_cast<char>('a' + Below(26)));
        constexpr JournalOp kOps[] = {JournalOp::kSet, JournalOp::kSet, JournalOp::kDelete, JournalOp::kTouch, JournalOp::kClear};
        const uint64_t mark = Prepare(owner, {key, value, 0, kOps[Below(5)], static_cast<JournalCondition>(Below(4)), Below(4) == 0 ? 1u : 0u});
        if (mark == 0) return void(owner.IsRoomy());
        Remember(mark, key, value);
        if (Below(10) == 0) owner.Await(mark);
        if (Below(20) == 0) owner.Cancel(mark);
        else if (Below(150) != 0) owner.Commit(mark, ++version_, 1);
        break;
      }
      case 5: {
        PendingFound found;
        if (FindPending(journal_, "n", key, &found)) Check(found.mark, key, found.value);
        break;
      }
      case 6: {
        JournalAnswer answers[8];
        owner.TakeAnswers(answers, 8);
        if (!positions_.empty()) owner.AnswerOf(positions_[Below(positions_.size())]);
        break;
      }
      case 7:
        if (Below(10) == 0) owner.Release();
        if (Below(10) == 0) Elect();
        if (Below(5) == 0) ReadLetters(journal_);
        break;
      default: LeaderTurn();
    }
  }

  void LeaderTurn() {
    Leader& leader = lead_->leader;
    if (under_way_.empty() || Below(3) == 0) {
      if (Below(4) == 0) leader.GoToSleep();
      for (const Drained& record : Drain(leader, {1 + Below(40), 1u << (6 + Below(14))})) {
        Check(record.mark, record.key, record.value);
        under_way_.push_back(record.id);
        if (record.is_orphan) leader.Resolve(record.id, Below(2) * ++version_, 1);
      }
    }
    std::erase_if(under_way_, [&](uint32_t id) {
      if (Below(20) == 0) return false;
      leader.Assign(id);
      leader.Answer(id, {static_cast<JournalResult>(1 + Below(5)), Below(100), "reason"});
      return true;
    });
    // Names that nobody has, or of records that are not under way.
    const uint32_t id = Below(2) == 0 ? Below(1000) : ~0u - Below(3);
    if (std::find(under_way_.begin(), under_way_.end(), id) == under_way_.end() && leader.Answer(id, {JournalResult::kStored, 1, {}})) Fail(__FILE__, __LINE__, "an answer of what is not under way");
    leader.Advance();
  }

  Journal& journal_;
  uint64_t seed_, version_ = 0;
  std::vector<std::unique_ptr<LaneOwner>> owners_;
  std::unique_ptr<Lead> lead_;
  std::map<uint64_t, std::pair<std::string, std::string>> written_;
  std::vector<uint64_t> positions_;
  std::vector<uint32_t> under_way_;
};

std::unique_ptr<Journal> OpenSeeded(const std::string& dir, uint64_t seed) {
  auto journal = OpenJournal(dir, kTiny);
  if (journal != nullptr) journal->header().hash_seed = seed;
  return journal;
}

TEST("journal fuzz: without damage everything that is handed out is what was written, and all lanes stay usable") {
  Directory dir;
  ForSeeds(Scaled(60), [&dir](uint64_t seed) {
    auto journal = OpenSeeded(dir.path(), seed);
    {
      Fuzz fuzz(*journal, seed);
      fuzz.Work(1500);
      fuzz.CheckUsable();
      fuzz.Finish();
      CHECK_EQ(journal->header().counters[static_cast<size_t>(JournalCounter::damaged)].load(), 0);
      for (uint32_t i = 0; i < 4; i++) CHECK_EQ(journal->lane(i).acked.load(), journal->lane(i).head.load());
      CHECK(fuzz.has_lanes());
    }
    journal->file().Unlink();
  });
}

TEST("journal fuzz: flipped bits in a live journal lose records, but none comes out torn") {
  Directory dir;
  ForSeeds(Scaled(800), [&dir](uint64_t seed) {
    auto journal = OpenSeeded(dir.path(), seed);
    {
      Fuzz fuzz(*journal, seed);
      fuzz.Work(200);
      for (int round = 0; round < 5; round++) {
        fuzz.Flip(1 << (seed % 7));
        fuzz.Work(100);
      }
      fuzz.CheckUsable();
    }
    journal->file().Unlink();
  });
}

TEST("journal fuzz: a ring of noise under a head that claims it is passed over") {
  Directory dir;
  ForSeeds(Scaled(300), [&dir](uint64_t seed) {
    auto journal = OpenSeeded(dir.path(), seed);
    {
      Fuzz fuzz(*journal, seed);
      fuzz.Work(100);
      for (uint32_t lane = 0; lane < 4; lane++) {
        uint8_t* ring = journal->ring(lane);
        const uint32_t kind = fuzz.Below(3);
        for (uint64_t at = fuzz.Below(2000); at < journal->lane_bytes(); at++) ring[at] = static_cast<uint8_t>(kind == 0 ? fuzz.Below(256) : kind == 1 ? 0 : 255);
        if (fuzz.Below(2) == 0) journal->lane(lane).head.store(journal->lane(lane).acked.load() + fuzz.Below(journal->lane_bytes() / 8) * 8);
      }
      PendingFound found;
      for (int n = 0; n < 30; n++) FindPending(*journal, "n", "key" + std::to_string(n), &found);
      fuzz.CheckUsable();
      fuzz.Work(300);
      fuzz.CheckUsable();
      CHECK(fuzz.has_lanes());
    }
    journal->file().Unlink();
  });
}

TEST("journal fuzz: a file with a broken header is refused or endured") {
  Directory dir;
  ForSeeds(Scaled(600), [&dir](uint64_t seed) {
    Dice dice(seed);
    const std::string path = Open(dir.path()).journal->file().path();
    for (uint32_t n = 1 + dice.Below(4); n > 0; n--) {
      const auto byte = static_cast<uint8_t>(dice.Below(256));
      Patch(path, dice.Below(dice.Below(4) == 0 ? sizeof(JournalHeader) : 1024), &byte, 1);
    }
    Opened opened = Open(dir.path());
    if (opened.journal == nullptr) return Fail(__FILE__, __LINE__, opened.error.detail);
    {
      Fuzz fuzz(*opened.journal, seed);
      fuzz.Work(200);
      fuzz.CheckUsable();
    }
    unlink(path.c_str());
    opened.journal->file().Unlink();
  });
}

}  // namespace
}  // namespace strata::test
