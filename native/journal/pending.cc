#include "journal/pending.h"

namespace strata {
namespace {

constexpr int kTries = 64;  // of a lane whose records are settled, or of a key whose writes are replaced, while they are looked at

struct Search {
  const Journal& journal;
  std::string_view ns, key;
  PendingFound* out;
  // Which records count: those that are committed, replaced by a later one or not, those in the hands of their writer.
  bool takes_committed = true, takes_open = false;
  // Only what takes effect whatever Redis has; of all lanes but this.
  bool takes_plain_only = false;
  uint32_t passed_lane = ~0u;
  uint64_t hash = 0;
  bool has_found = false, is_superseded = false;

  static bool IsPlain(const JournalRecord& r) {
    const auto op = static_cast<JournalOp>(r.op);
    return (op == JournalOp::kSet || op == JournalOp::kDelete) && static_cast<JournalCondition>(r.condition) == JournalCondition::kAlways && r.source_version == 0;
  }

  bool Takes(uint32_t state) const {
    if (state == static_cast<uint32_t>(RecordState::kCommitted) || state == static_cast<uint32_t>(RecordState::kSuperseded)) return takes_committed;
    return takes_open && (state == static_cast<uint32_t>(RecordState::kPrepared) || state == static_cast<uint32_t>(RecordState::kGivenUp));
  }

  bool Run() {
    has_found = false;
    const uint32_t lanes = journal.lanes_used();
    for (uint32_t i = 0; i < lanes; i++) {
      if (i == passed_lane) continue;
      const Lane& lane = journal.lane(i);
      // SYNC(journal-head): a head that moved before the table did is seen by whoever saw the table move.
      if (lane.head.load(kRelaxed) == lane.acked.load(kRelaxed)) continue;
      if (hash == 0) hash = journal.KeyHash(ns, key);
      for (int n = 0; n < kTries && !Look(i); n++) {
      }
    }
    return has_found;
  }

  // False if the lane moved on under the look: look again.
  bool Look(uint32_t index) {
    Lane& lane = journal.lane(index);
    const uint64_t acked = lane.acked.load(kAcquire);  // SYNC(journal-acked)
    const uint64_t head = lane.head.load(kAcquire);    // SYNC(journal-head)
    if (!journal.IsLaneSane(head, acked) || head == acked) return true;
    if (journal.filter(index).counts[hash % kFilterCounts].load(kRelaxed) == 0) return true;
    auto has_moved = [&lane](uint64_t position) {
      // SYNC(journal-reuse): acquire. Bytes that were overwritten show an acked behind them.
      Fence(kAcquire);
      return lane.acked.load(kRelaxed) > position;
    };
    RecordHead copy;
    for (uint64_t at = acked; at < head;) {
      const JournalRecord* record = journal.RecordAt(index, at);
      journal.CopyHeader(index, at, &copy);
      if (has_moved(at)) return false;
      if (!journal.IsWithinBounds(at, head, *copy)) return true;  // damage: the leader counts it
      if (copy->key_hash == hash && (!takes_plain_only || IsPlain(*copy))) {
        // SYNC(journal-state): acquire. Version and epoch of a committed record, and what replaced it, are there behind it.
        const uint32_t state = record->state.load(kAcquire);
        if (Takes(state) && !Take(index, at, *copy, record, state)) return false;
      }
      at += copy->bytes;
    }
    return true;
  }

  bool Take(uint32_t index, uint64_t at, const JournalRecord& copy, const JournalRecord* record, uint32_t state) {
    const uint64_t version = record->host_version.load(kRelaxed);
    const uint32_t ns_epoch = record->ns_epoch.load(kRelaxed);
    const size_t body = size_t{copy.ns_bytes} + copy.key_bytes + copy.value_bytes;
    std::string bytes(body, '\0');
    CopyShared(bytes.data(), record + 1, body);
    Fence(kAcquire);  // SYNC(journal-reuse)
    if (journal.lane(index).acked.load(kRelaxed) > at) return false;
    if (has_found && version < out->host_version) return true;
    const std::string_view name(bytes.data(), copy.ns_bytes);
    const std::string_view own(name.data() + name.size(), copy.key_bytes);
    if (name != ns || own != key || journal.ChecksOf(Mark::Make(index, at), copy, bytes.data(), body).all != copy.check) return true;
    has_found = true;
    is_superseded = state == static_cast<uint32_t>(RecordState::kSuperseded);
    *out = {Mark::Make(index, at).raw, static_cast<JournalOp>(copy.op), copy.codec, copy.condition, copy.soft_at, copy.hard_at, version, copy.source_version,
            ns_epoch, std::string(own.data() + own.size(), copy.value_bytes)};
    return true;
  }
};

}  // namespace

bool FindPending(const Journal& journal, std::string_view ns, std::string_view key, PendingFound* out) {
  Search search{journal, ns, key, out};
  uint64_t replaced = 0;
  for (int n = 0; n < kTries && search.Run(); n++) {
    if (!search.is_superseded) return true;
    // What replaced it may lie in a lane that was looked at before. Seen twice without it, that one is settled.
    if (out->mark == replaced) return false;
    replaced = out->mark;
  }
  return false;
}

InTheWay FindInTheWay(const Journal& journal, std::string_view ns, std::string_view key) {
  PendingFound found;
  for (std::string_view path = ns;; path = path.substr(0, path.find_last_of('/') == std::string_view::npos ? 0 : path.find_last_of('/'))) {
    if (Search{journal, path, {}, &found, true, true}.Run()) return InTheWay::kClear;
    if (path.empty()) break;
  }
  return Search{journal, ns, key, &found, false, true}.Run() ? InTheWay::kWrite : InTheWay::kNothing;
}

bool FindHeir(const Journal& journal, std::string_view ns, std::string_view key, Mark given_up, uint64_t host_version, uint64_t* heir) {
  PendingFound found;
  *heir = 0;
  // A write goes from the hands of its owner to the leader and to Redis, and so from each look to the next.
  if (Search{journal, ns, key, &found, false, true, true, given_up.lane()}.Run()) {
    *heir = found.mark;
    return true;
  }
  if (Search{journal, ns, key, &found, true, false, true}.Run() && found.host_version > host_version) {
    *heir = found.mark;
    return true;
  }
  // SYNC(journal-heir): acquire. Stored before the write was sent.
  return journal.RecordAt(given_up.lane(), given_up.position())->result_version.load(kAcquire) > host_version;
}

}  // namespace strata
