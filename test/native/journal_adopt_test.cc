// What becomes of the journal of a region that is gone.
#include <unistd.h>

#include <algorithm>
#include <map>
#include <thread>

#include "journal/adopt.h"
#include "journal/letters.h"
#include "test/native/journal_fixture.h"
#include "test/native/seeds.h"

namespace strata::test {
namespace {

JournalHome HomeOf(uint64_t region_id, uint32_t clears = 0) {
  JournalHome home;
  home.region_id = region_id;
  home.clears_of = [clears](std::string_view) { return clears; };
  return home;
}

std::unique_ptr<Journal> OpenOf(const Directory& dir, const JournalHome& home) { return OpenJournal(dir.path(), kSmallJournal, "j", home); }

void PutAt(LaneOwner& owner, const std::string& ns, const std::string& key, uint32_t clears, JournalOp op = JournalOp::kSet) {
  Write write{key, "value of " + key};
  write.ns = ns;
  write.op = op;
  const uint64_t mark = Prepare(owner, write);
  CHECK(mark != 0 && owner.Commit(mark, op == JournalOp::kClear ? 0 : 1, clears));
}

// Key and epoch of what waits for the leader; of a clear the namespace.
std::map<std::string, uint32_t> Waiting(const Journal& journal) {
  std::map<std::string, uint32_t> epochs;
  for (uint32_t lane = 0; lane < journal.lanes_used(); lane++) {
    for (uint64_t at = journal.lane(lane).acked.load(); at < journal.lane(lane).head.load();) {
      const JournalRecord& record = *journal.RecordAt(lane, at);
      const auto* body = reinterpret_cast<const char*>(&record + 1);
      if (record.state.load() == static_cast<uint32_t>(RecordState::kCommitted)) {
        const bool is_clear = record.op == static_cast<uint8_t>(JournalOp::kClear);
        epochs[is_clear ? "clear " + std::string(body, record.ns_bytes) : std::string(body + record.ns_bytes, record.key_bytes)] = record.ns_epoch.load();
      }
      at += record.bytes;
    }
  }
  return epochs;
}

using Epochs = std::map<std::string, uint32_t>;

TEST("journal adoption: what is pending goes on under the clears of the next region, what a clear had ended does not") {
  Directory dir;
  uint64_t inode;
  std::string before;
  {
    auto journal = OpenOf(dir, HomeOf(1));
    inode = journal->file().inode();
    before = journal->file().path();
    LaneOwner owner(*journal), other(*journal);
    PutAt(owner, "shop", "ended", 2);
    PutAt(owner, "shop/carts", "ended below", 2);
    PutAt(other, "shop", "", 3, JournalOp::kClear);
    PutAt(owner, "shop", "after", 3);
    PutAt(other, "shop/carts", "after below", 4);
    PutAt(owner, "shops", "beside", 0);
    PutAt(owner, "", "above", 0);
    for (auto& seq : journal->header().known_seq) seq.store(9);
    journal->header().link.store(2);
  }
  auto journal = OpenOf(dir, HomeOf(2, 7));
  CHECK(journal->file().inode() == inode && journal->file().path() != before && access(before.c_str(), F_OK) != 0);
  const Epochs expected{{"ended", kNoEpoch}, {"ended below", kNoEpoch}, {"clear shop", 0}, {"after", 7}, {"after below", 7}, {"beside", 7}, {"above", 7}};
  CHECK(Waiting(*journal) == expected);
  CHECK_EQ(journal->header().known_seq[3].load(), 0);
  CHECK_EQ(journal->header().link.load(), 0);
  // The leader finds all of it.
  Lead lead(*journal);
  CHECK(lead.is_elected);
  size_t found = 0;
  for (auto batch = Drain(lead.leader); !batch.empty(); batch = Drain(lead.leader)) {
    found += batch.size();
    AnswerAll(lead.leader);
  }
  CHECK_EQ(found, expected.size());
}

TEST("journal adoption: a clear of a life before the last ends nothing that came after it") {
  Directory dir;
  {
    auto journal = OpenOf(dir, HomeOf(1));
    LaneOwner owner(*journal);
    PutAt(owner, "", "", 5, JournalOp::kClear);
  }
  {
    auto journal = OpenOf(dir, HomeOf(2));
    LaneOwner owner(*journal);
    PutAt(owner, "", "later", 0);
  }
  CHECK((Waiting(*OpenOf(dir, HomeOf(3, 1))) == Epochs{{"clear ", 0}, {"later", 1}}));
}

TEST("journal adoption: nothing is taken from whoever is attached, of its own region or not") {
  Directory dir;
  auto first = OpenOf(dir, HomeOf(1));
  const uint64_t inode = first->file().inode();
  auto second = OpenOf(dir, HomeOf(2));
  CHECK(second->file().inode() != inode);
  CHECK_EQ(OpenOf(dir, HomeOf(1))->file().inode(), inode);
  first.reset();
  CHECK_EQ(OpenOf(dir, HomeOf(2))->file().inode(), second->file().inode());
  CHECK_EQ(OpenOf(dir, HomeOf(3))->file().inode(), inode);
}

TEST("journal adoption: one that was begun by somebody dead is finished, whatever was written of it") {
  for (bool is_begun : {false, true}) {
    Directory dir;
    {
      auto journal = OpenOf(dir, HomeOf(1));
      LaneOwner owner(*journal);
      PutAt(owner, "", "made anew", 0);  // by the dead, under the clears of its region
      PutAt(owner, "", "ended", is_begun ? kNoEpoch : 0);
      PutAt(owner, "", "", 4, JournalOp::kClear);
      PutAt(owner, "", "after", 4);
      if (is_begun) journal->header().adoption.store(static_cast<uint32_t>(AdoptionStep::kJudged));
    }
    auto journal = OpenOf(dir, HomeOf(2, 6));
    CHECK((Waiting(*journal) == Epochs{{"made anew", is_begun ? 6 : kNoEpoch}, {"ended", kNoEpoch}, {"clear ", 0}, {"after", 6}}));
    CHECK_EQ(journal->header().adoption.load(), 0);
  }
}

TEST("journal adoption: all who open the journal of one region meet in one file") {
  for (uint32_t round = 0; round < 40; round++) {
    Directory dir;
    uint64_t inode;
    {
      auto journal = OpenOf(dir, HomeOf(1));
      inode = journal->file().inode();
      LaneOwner owner(*journal);
      PutAt(owner, "", "k", 0);
    }
    std::vector<std::thread> threads;
    std::vector<std::unique_ptr<Journal>> journals(4);
    for (auto& journal : journals) threads.emplace_back([&] { journal = OpenOf(dir, HomeOf(2)); });
    for (auto& thread : threads) thread.join();
    for (auto& journal : journals) {
      if (journal == nullptr) return Fail(__FILE__, __LINE__, "not opened");
      CHECK_EQ(journal->file().inode(), journals[0]->file().inode());
    }
    CHECK_EQ(journals[0]->file().inode(), inode);
  }
}

TEST("journal adoption: other names, and files that are not ours alone or broken, are left alone") {
  Directory dir;
  const std::string own = OpenOf(dir, HomeOf(1))->file().path();
  const std::string base = own.substr(0, own.size() - 19);
  for (const char* name : {".000000000000000g.0", ".0000000000000001.8", ".0000000000000001", ".00000000000000001.0"}) {
    CHECK(rename(own.c_str(), (base + name).c_str()) == 0);
    CHECK(OpenOf(dir, HomeOf(2))->file().inode() != 0 && access((base + name).c_str(), F_OK) == 0);
    CHECK(rename((base + name).c_str(), own.c_str()) == 0);
    unlink((base + ".0000000000000002.0").c_str());
  }
  CHECK(chmod(own.c_str(), 0640) == 0);
  CHECK(OpenOf(dir, HomeOf(2))->file().path() != own && access(own.c_str(), F_OK) == 0);
  CHECK(chmod(own.c_str(), 0600) == 0 && truncate(own.c_str(), 8192) == 0);
  CHECK(OpenOf(dir, HomeOf(3))->file().path() != own && access(own.c_str(), F_OK) == 0);
}

TEST("journal adoption: what is left of another boot goes") {
  Directory dir;
  std::string path;
  {
    auto journal = OpenOf(dir, HomeOf(1));
    path = journal->file().path();
    journal->header().boot_id_hash ^= 1;
  }
  auto journal = OpenOf(dir, HomeOf(2));
  CHECK(access(path.c_str(), F_OK) != 0 && journal->file().path() != path);
}

TEST("journal adoption: one with dead letters alone is for the next region, and not for who only brings the rest to Redis") {
  Directory dir;
  uint64_t inode;
  {
    auto journal = OpenOf(dir, HomeOf(1));
    inode = journal->file().inode();
    Lead lead(*journal);
    LaneOwner owner(*journal);
    PutAt(owner, "", "refused", 0);
    Drain(lead.leader);
    CHECK(AnswerAll(lead.leader, JournalResult::kDead));
  }
  JournalHome sweeper = HomeOf(2);
  sweeper.only_adopts = true;
  auto open = [&] {
    RegionError error;
    std::string warnings;
    std::unique_ptr<Journal> journal(Journal::Open(dir.path(), "j", kSmallJournal, &error, &warnings, sweeper));
    CHECK((journal != nullptr) == (error.status == Status::kOk) && (journal != nullptr || error.status == Status::kMiss));
    return journal;
  };
  CHECK(open() == nullptr);
  {
    auto journal = OpenOf(dir, HomeOf(3));
    CHECK_EQ(journal->file().inode(), inode);
    CHECK_EQ(ReadLetters(*journal).size(), 1);
    CHECK(open() == nullptr);  // somebody has it
    LaneOwner owner(*journal);
    PutAt(owner, "", "pending", 0);
  }
  auto journal = open();
  CHECK(journal != nullptr && journal->file().inode() == inode);
}

TEST("journal adoption: the hosts of all regions are known, whether anybody uses their journals or not") {
  Directory dir;
  auto first = OpenOf(dir, HomeOf(1));
  auto second = OpenOf(dir, HomeOf(2));
  std::vector<uint64_t> hosts{first->header().host_id, second->header().host_id};
  second.reset();
  std::vector<uint64_t> found = JournalHosts(dir.path(), "j");
  std::sort(hosts.begin(), hosts.end());
  std::sort(found.begin(), found.end());
  CHECK(found == hosts);
  first->header().boot_id_hash ^= 1;
  CHECK_EQ(JournalHosts(dir.path(), "j").size(), 1);
  CHECK(JournalHosts(dir.path(), "other").empty() && JournalHosts(dir.path() + "/gone", "j").empty());
}

}  // namespace
}  // namespace strata::test
