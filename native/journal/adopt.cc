#include "journal/adopt.h"

#include <vector>

#include "base/kill_point.h"

namespace strata {
namespace {

struct Clear {
  std::string ns;
  uint32_t epoch;
};

bool Covers(const std::string& cleared, const std::string& ns) {
  return cleared.empty() || (ns.compare(0, cleared.size(), cleared) == 0 && (ns.size() == cleared.size() || ns[cleared.size()] == '/'));
}

// Every record that is neither settled nor cancelled, with its namespace.
template <class Visit>
void ForEachOpen(const Journal& journal, Visit visit) {
  for (uint32_t lane = 0; lane < journal.lanes_used(); lane++) {
    // The owner is dead: its lock of the file was free.
    const uint64_t head = journal.lane(lane).head.load(kAcquire);  // SYNC(journal-head)
    const uint64_t acked = journal.lane(lane).acked.load(kRelaxed);
    if (!journal.IsLaneSane(head, acked)) continue;
    RecordHead copy;
    for (uint64_t at = acked; at < head; at += copy->bytes) {
      journal.CopyHeader(lane, at, &copy);
      if (!journal.IsWithinBounds(at, head, *copy)) break;  // damage: the leader counts it
      JournalRecord& record = *journal.RecordAt(lane, at);
      const auto state = static_cast<RecordState>(record.state.load(kAcquire));  // SYNC(journal-state)
      if (state == RecordState::kFiller || state == RecordState::kSettled || state == RecordState::kCancelled) continue;
      if (!journal.IsHeadWhole(Mark::Make(lane, at), *copy)) continue;
      std::string ns(copy->ns_bytes, '\0');
      CopyShared(ns.data(), reinterpret_cast<const uint8_t*>(&record + 1), ns.size());
      visit(record, static_cast<JournalOp>(copy->op), ns);
    }
  }
}

void Judge(const Journal& journal) {
  std::vector<Clear> clears;
  ForEachOpen(journal, [&](JournalRecord& record, JournalOp op, const std::string& ns) {
    if (op == JournalOp::kClear) clears.push_back({ns, record.ns_epoch.load(kRelaxed)});
  });
  ForEachOpen(journal, [&](JournalRecord& record, JournalOp op, const std::string& ns) {
    if (op == JournalOp::kClear) return;
    const uint32_t epoch = record.ns_epoch.load(kRelaxed);
    for (const Clear& clear : clears) {
      if (Covers(clear.ns, ns) && epoch < clear.epoch) record.ns_epoch.store(kNoEpoch, kRelaxed);
    }
  });
}

void Rebind(const Journal& journal, const JournalHome& home) {
  ForEachOpen(journal, [&](JournalRecord& record, JournalOp op, const std::string& ns) {
    if (op == JournalOp::kClear) record.ns_epoch.store(0, kRelaxed);
    else if (record.ns_epoch.load(kRelaxed) != kNoEpoch) record.ns_epoch.store(home.clears_of(ns), kRelaxed);
  });
  JournalHeader& header = journal.header();
  // The next table has heard nothing.
  for (uint32_t p = 0; p < kPartitions; p++) {
    header.known_seq[p].store(0, kRelaxed);
    header.known_epoch[p].store(0, kRelaxed);
    header.known_server[p].store(0, kRelaxed);
  }
  header.link.store(0, kRelaxed);
  header.last_heard_ms.store(0, kRelaxed);
}

}  // namespace

bool HasOpenRecords(const Journal& journal) {
  bool has_one = false;
  ForEachOpen(journal, [&](JournalRecord&, JournalOp, const std::string&) { has_one = true; });
  return has_one;
}

void AdoptJournal(const Journal& journal, const JournalHome& home) {
  auto& step = journal.header().adoption;
  if (static_cast<AdoptionStep>(step.load(kAcquire)) != AdoptionStep::kJudged) Judge(journal);
  step.store(static_cast<uint32_t>(AdoptionStep::kJudged), kRelease);
  KILL_POINT(adoption_judged);
  Rebind(journal, home);
  step.store(static_cast<uint32_t>(AdoptionStep::kNone), kRelease);
  KILL_POINT(adoption_made);
}

}  // namespace strata
