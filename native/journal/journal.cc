#include "journal/journal.h"

#include <algorithm>
#include <bit>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <memory>

#include "journal/adopt.h"
#include "journal/letters.h"
#include "shm/clock.h"
#include "shm/host_identity.h"
#include "shm/private_file_adopt.h"

namespace strata {
namespace {

uint32_t Fold(uint64_t hash) { return static_cast<uint32_t>(hash ^ hash >> 32); }

uint64_t AlignUp(uint64_t value, uint64_t to) { return (value + to - 1) / to * to; }

void Place(JournalGeometry* g) {
  uint64_t at = sizeof(JournalHeader);
  auto place = [&at](uint64_t* where, uint64_t bytes) {
    *where = at;
    at = AlignUp(at + bytes, kPage);
  };
  place(&g->lanes_at, uint64_t{g->lane_count} * sizeof(Lane));
  place(&g->filters_at, uint64_t{g->lane_count} * sizeof(LaneFilter));
  place(&g->letters_at, g->letter_bytes);
  place(&g->rings_at, uint64_t{g->lane_count} << g->lane_shift);
  g->file_bytes = at;
}

bool IsInRange(const JournalGeometry& g) {
  return g.lane_count >= 1 && g.lane_count <= kMaxLanes && g.lane_shift >= 12 && g.lane_shift <= 30 &&
         g.letter_bytes >= kPage && g.letter_bytes <= (64u << 20) && g.letter_bytes % kPage == 0;
}

void Initialise(void* at, const JournalGeometry& geometry, const uint64_t* secrets) {
  auto* h = static_cast<JournalHeader*>(at);
  h->layout_fingerprint = JournalFingerprint();
  h->geometry = geometry;
  h->host_id = secrets[0];
  h->hash_seed = secrets[1];
  h->boot_id_hash = BootIdHash();
  h->time_namespace = TimeNamespace();
  for (auto& next : h->next_op) next.store(1, kRelaxed);
  auto* lanes = reinterpret_cast<Lane*>(static_cast<uint8_t*>(at) + geometry.lanes_at);
  for (uint32_t i = 0; i < geometry.lane_count; i++) {
    lanes[i].head.store(uint64_t{1} << geometry.lane_shift, kRelaxed);
    lanes[i].acked.store(uint64_t{1} << geometry.lane_shift, kRelaxed);
  }
  // SYNC(journal-ready): release. Everything above is there for whoever reads the magic.
  h->magic.store(kJournalMagic, kRelease);
}

std::string BaseOf(const std::string& name) {
  char suffix[32];
  snprintf(suffix, sizeof(suffix), ".journal.%08" PRIx32, static_cast<uint32_t>(JournalFingerprint()));
  return name + suffix;
}

bool Fill(int fd, const std::string& dir, const JournalOptions& options, RegionError* error) {
  JournalGeometry geometry;
  if (ComputeJournalGeometry(options, &geometry) != Status::kOk) {
    *error = {Status::kBadOptions, 0,
              "a journal must have 1 to 4096 lanes of 4 KiB to 1 GiB, got " + std::to_string(options.lanes) + " lanes in " +
                  std::to_string(options.ring_bytes) + " bytes"};
    return false;
  }
  uint64_t secrets[2];
  if (!RandomBytes(secrets, sizeof(secrets), error)) return false;
  if (!AllocateFile(fd, dir, "journal", geometry.file_bytes, error)) return false;
  return WriteStart(fd, dir, geometry.filters_at, [&](void* at) { Initialise(at, geometry, secrets); }, error);
}

}  // namespace

Status ExamineJournal(int fd, uint64_t size, JournalGeometry* geometry, std::string* why) {
  auto h = std::make_unique<JournalHeader>();
  if (size < sizeof(JournalHeader) || !ReadStart(fd, static_cast<void*>(h.get()), sizeof(JournalHeader))) {
    *why = "shorter than a header";
    return Status::kRegionTorn;
  }
  if (h->magic.load(kRelaxed) != kJournalMagic) {
    *why = "not a complete journal";
    return Status::kRegionTorn;
  }
  if (h->layout_fingerprint != JournalFingerprint()) {
    *why = "made with another layout";
    return Status::kRegionLayout;
  }
  if (h->geometry.file_bytes != size || !IsConsistent(h->geometry)) {
    *why = "sizes contradict each other";
    return Status::kRegionTorn;
  }
  if (h->boot_id_hash != BootIdHash() || h->time_namespace != TimeNamespace()) {
    *why = "made in another boot or time namespace";
    return h->boot_id_hash != BootIdHash() ? Status::kRegionBoot : Status::kRegionForeign;
  }
  *geometry = h->geometry;
  return Status::kOk;
}

Status ComputeJournalGeometry(const JournalOptions& options, JournalGeometry* out) {
  std::memset(static_cast<void*>(out), 0, sizeof(*out));
  if (options.lanes == 0 || options.ring_bytes / options.lanes < kMinLaneBytes) return Status::kBadOptions;
  out->lane_count = options.lanes;
  out->lane_shift = static_cast<uint32_t>(std::bit_width(options.ring_bytes / options.lanes)) - 1;
  out->letter_bytes = options.letter_bytes;
  if (!IsInRange(*out)) return Status::kBadOptions;
  Place(out);
  return Status::kOk;
}

bool IsConsistent(const JournalGeometry& g) {
  if (!IsInRange(g)) return false;
  JournalGeometry again;
  std::memset(static_cast<void*>(&again), 0, sizeof(again));
  again.lane_count = g.lane_count;
  again.lane_shift = g.lane_shift;
  again.letter_bytes = g.letter_bytes;
  Place(&again);
  return std::memcmp(&again, &g, sizeof(g)) == 0;
}

std::vector<uint64_t> JournalHosts(const std::string& dir, const std::string& name) {
  std::vector<uint64_t> hosts;
  ForEachPrivateFile(dir, BaseOf(name), [&](int fd, uint64_t size) {
    JournalGeometry geometry;
    std::string why;
    auto h = std::make_unique<JournalHeader>();
    if (ExamineJournal(fd, size, &geometry, &why) == Status::kOk && ReadStart(fd, static_cast<void*>(h.get()), sizeof(JournalHeader))) {
      hosts.push_back(h->host_id);
    }
  });
  return hosts;
}

Journal* Journal::Open(const std::string& dir, const std::string& name, const JournalOptions& options,
                       RegionError* error, std::string* warnings, const JournalHome& home) {
  const std::string base = BaseOf(name);
  char region[24] = "";
  if (home.region_id != 0) snprintf(region, sizeof(region), ".%016" PRIx64, home.region_id);
  std::unique_ptr<Journal> journal(new Journal());
  FileKind kind{
      "journal", base + region,
      [&](int fd, uint64_t size, std::string* why) { return ExamineJournal(fd, size, &journal->geometry_, why); },
      [&](int fd, const std::string& in, RegionError* e) {
        home.on_first();
        return Fill(fd, in, options, e);
      },
      kLockAttached,
      home.region_id == 0 ? "" : base,
      [&](void* at) {
        const auto found = Over(static_cast<uint8_t*>(at), journal->geometry_);
        if (home.only_adopts && !HasOpenRecords(*found) && !ReadLetters(*found).empty()) return false;
        home.on_first();
        AdoptJournal(*found, home);
        return true;
      },
  };
  if (home.only_adopts) kind.fill = nullptr;
  if (!journal->file_.Open(dir, kind, error, warnings)) return nullptr;
  journal->base_ = journal->file_.base();
  // SYNC(journal-ready): acquire. Pairs with the creator's store of the magic.
  journal->header().magic.load(kAcquire);
  return journal.release();
}

std::unique_ptr<Journal> Journal::Over(uint8_t* base, const JournalGeometry& geometry) {
  std::unique_ptr<Journal> journal(new Journal());
  journal->base_ = base;
  journal->geometry_ = geometry;
  return journal;
}

void Journal::CopyHeader(uint32_t lane, uint64_t position, RecordHead* to) const {
  const JournalRecord* from = RecordAt(lane, position);
  const uint64_t to_end = lane_bytes() - (position & (lane_bytes() - 1));
  const bool is_whole = to_end >= sizeof(JournalRecord) && LoadField(from->bytes) >= sizeof(JournalRecord);
  std::memset(to->bytes_, 0, sizeof(to->bytes_));
  CopyShared(to->bytes_, static_cast<const void*>(from), is_whole ? sizeof(JournalRecord) : 8);
}

RecordChecks Journal::ChecksOf(Mark mark, const JournalRecord& header, const void* body, size_t body_bytes) const {
  const uint64_t head = HashOfHead(mark, header);
  return {Fold(HashLong(head, static_cast<const uint8_t*>(body), body_bytes)), Fold(head)};
}

bool Journal::IsHeadWhole(Mark mark, const JournalRecord& header) const { return Fold(HashOfHead(mark, header)) == header.head_check; }

uint64_t Journal::HashOfHead(Mark mark, const JournalRecord& header) const {
  const auto* at = reinterpret_cast<const uint8_t*>(&header);
  return HashKey(this->header().hash_seed + mark.raw, 2, at + kCheckedFrom, kCheckedTo - kCheckedFrom);
}

bool Journal::IsWithinBounds(uint64_t position, uint64_t limit, const JournalRecord& r) const {
  const uint64_t to_end = lane_bytes() - (position & (lane_bytes() - 1));
  if (r.bytes < 8 || r.bytes % 8 != 0 || r.bytes > to_end || r.bytes > limit - position) return false;
  if (r.state.load(kRelaxed) == static_cast<uint32_t>(RecordState::kFiller)) return r.bytes == to_end;
  if (r.bytes < sizeof(JournalRecord) || r.bytes > max_record_bytes()) return false;
  return r.key_bytes <= kMaxKeyBytes && r.partition < kPartitions &&
         sizeof(JournalRecord) + uint64_t{r.ns_bytes} + r.key_bytes + r.value_bytes <= r.bytes;
}

uint64_t Journal::NowMs() { return PreciseNs() / 1000000; }

}  // namespace strata
