#include "test/native/journal_fixture.h"

namespace strata::test {

std::unique_ptr<Journal> OpenJournal(const std::string& dir, const JournalOptions& options, const char* name, const JournalHome& home) {
  RegionError error;
  std::string warnings;
  std::unique_ptr<Journal> journal(Journal::Open(dir, name, options, &error, &warnings, home));
  if (journal == nullptr) Fail(__FILE__, __LINE__, std::string(StatusName(error.status)) + ": " + error.detail);
  return journal;
}

uint64_t CountOf(const Journal& journal, JournalCounter counter) {
  return journal.header().counters[static_cast<size_t>(counter)].load();
}

std::vector<Drained> BatchOf(Leader& leader) {
  std::vector<Drained> batch;
  for (uint32_t id : leader.batch()) {
    const RecordBody body = leader.body(id);
    const IndexEntry& entry = leader.entry(id);
    batch.push_back({std::string(body.ns), std::string(body.key), std::string(body.value), Mark::Make(entry.lane, entry.position).raw,
                     entry.version, entry.op_number, entry.op, entry.is_orphan, id});
  }
  return batch;
}

std::vector<Drained> Drain(Leader& leader, const DrainLimits& limits) {
  leader.Drain(limits);
  return BatchOf(leader);
}

uint32_t NthOf(const Leader& leader, size_t index) { return leader.batch().at(index); }

std::string Words(const std::vector<Drained>& batch) {
  std::string words;
  for (const Drained& record : batch) words += (words.empty() ? "" : " ") + record.key + "=" + record.value;
  return words;
}

bool AnswerAll(Leader& leader, JournalResult result) {
  uint64_t version = 100;
  for (uint32_t id : leader.batch()) leader.Answer(id, {result, version++, "refused"});
  return leader.Advance();
}

JournalInput InputOf(const Write& write) {
  JournalInput input;
  input.op = write.op;
  input.condition = write.condition;
  input.source_version = write.source_version;
  input.partition = static_cast<uint16_t>(write.partition);
  input.ns = write.ns;
  input.key = write.key;
  return input;
}

uint64_t Prepare(LaneOwner& owner, const Write& write) {
  uint64_t mark = 0;
  return owner.Prepare(InputOf(write), write.value, &mark) == Status::kOk ? mark : 0;
}

uint64_t Put(LaneOwner& owner, const Write& write) {
  const uint64_t mark = Prepare(owner, write);
  return mark != 0 && owner.Commit(mark, write.version, 1) ? mark : 0;
}

}  // namespace strata::test
