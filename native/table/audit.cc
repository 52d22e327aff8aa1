// Audit: walks the whole region and states every broken invariant. Exact when nobody writes meanwhile.
#include <map>
#include <set>

#include "table/bucket.h"

namespace strata {
namespace {

std::string At(const char* what, uint64_t where) { return std::string(what) + " " + std::to_string(where); }

}  // namespace

AuditReport Table::Audit(ThreadContext& t) {
  AuditReport report;
  auto broken = [&](const std::string& what) {
    if (report.violations.size() < 50) report.violations.push_back(what);
  };
  std::vector<uint64_t> live(g_.segment_count, 0);
  std::vector<uint64_t> charged(kMaxQuotas, 0);
  std::set<std::pair<uint32_t, uint32_t>> listed;  // {segment, generation} of parts of published runs
  for (uint32_t b = 0; b < g_.bucket_count; b++) {
    Bucket& bucket = buckets_[b];
    Intent intent{bucket.intent.load(kAcquire)};  // SYNC(intent)
    if (!intent.is_idle()) report.pending_intents++;
    std::set<std::pair<std::string, bool>> keys;
    for (uint32_t i = 0; i < kSlotsPerBucket; i++) {
      SlotWord word{bucket.slots[i].load(kAcquire)};  // SYNC(slot-publish)
      if (word.is_empty()) continue;
      RecordPlace place;
      if (!Locate(word.location(), &place)) {
        broken(At("slot leaves the data area in bucket", b));
        continue;
      }
      HeaderCopy header = LoadHeader(place.header);
      Segment& segment = segments_[place.segment];
      SegmentWord state{segment.state.load(kAcquire)};  // SYNC(segment-state)
      if (state.state() == SegmentState::kFree) broken(At("slot refers into free segment", place.segment));
      const uint32_t offset = segment_bytes_ - place.room;
      const uint32_t bytes = header.is_run ? segment.committed.load(kAcquire) : CheckedRecordBytes(header, place.room);
      if (bytes == 0 || offset + bytes > segment.committed.load(kAcquire)) {  // SYNC(committed)
        broken(At("slot refers to an incomplete record in segment", place.segment));
        continue;
      }
      if (header.key_bytes == 0 || header.key_bytes > kMaxKeyBytes) {
        broken(At("record with an impossible key in segment", place.segment));
        continue;
      }
      Key key = MakeKey(header.ns, place.key(), header.key_bytes);
      if (HashRange(key.hash, g_.bucket_count) != b) broken(At("record in a foreign bucket", b));
      if (HashTag(key.hash) != word.tag()) broken(At("slot with a foreign tag in bucket", b));
      const bool is_value = header.type == RecordType::kValue;
      std::string name(reinterpret_cast<const char*>(key.bytes), key.size);
      if (!keys.insert({std::to_string(header.ns) + "/" + name, is_value}).second) {
        broken("key twice in bucket " + std::to_string(b) + ": " + name);
      }
      if (header.version > bucket.max_version.load(kAcquire)) broken(At("version above the bucket's in bucket", b));
      if (is_value) report.values++;
      else if (header.type == RecordType::kLease) report.leases++;
      else if (header.type == RecordType::kError) report.errors_records++;
      else broken(At("record of unknown type in segment", place.segment));
      live[place.segment] += bytes;
      Charge(header, charged.data());
      report.live_bytes += is_value ? header.before_value() + header.value_bytes : 0;
      if (!header.is_run) continue;
      if (header.before_value() + sizeof(RunHead) > place.room) {
        broken(At("head of a run leaves segment", place.segment));
        continue;
      }
      RunHead run;
      const uint8_t* payload = place.value(header);
      CopyShared(&run, payload, sizeof(run));
      for (uint32_t p = 0; p < run.part_count && p < place.room / sizeof(RunPart); p++) {
        RunPart part;
        CopyShared(&part, payload + sizeof(RunHead) + p * sizeof(RunPart), sizeof(part));
        if (part.segment >= g_.segment_count || generations_[part.segment].load(kAcquire) != part.generation) {
          broken(At("published run lists a segment of another generation", part.segment));
        } else if (!listed.insert({part.segment, part.generation}).second) {
          broken(At("segment listed by two runs", part.segment));
        }
      }
    }
  }
  for (uint32_t q = 0; q < kMaxQuotas && !IsCountDue(); q++) {
    if (BytesOf(q) == charged[q]) continue;
    broken("quota " + std::to_string(q) + " counts " + std::to_string(BytesOf(q)) + " bytes, there are " + std::to_string(charged[q]));
  }
  for (uint32_t i = 0; i < g_.segment_count; i++) {
    Segment& segment = segments_[i];
    SegmentWord word{segment.state.load(kAcquire)};  // SYNC(segment-state)
    const bool is_listed = listed.count({i, generations_[i].load(kAcquire)}) != 0;
    switch (word.state()) {
      case SegmentState::kFree: report.segments_free++; break;
      case SegmentState::kActive: report.segments_active++; break;
      case SegmentState::kSealed: report.segments_sealed++; break;
      case SegmentState::kReclaim: report.segments_reclaim++; break;
      default: broken(At("segment in an unknown state", i));
    }
    if (word.state() == SegmentState::kFree && (live[i] != 0 || is_listed)) broken(At("free segment in use", i));
    if (live[i] > segment_bytes_) broken(At("more live bytes than fit in segment", i));
    if ((word.state() == SegmentState::kActive || word.state() == SegmentState::kReclaim) && OwnerIsGone(t, word)) {
      report.owned_by_dead++;
    }
    if (word.state() == SegmentState::kSealed && word.queue() == Queue::kRun) {
      report.segments_run++;
      if (!is_listed) report.leaked_run_segments++;
    }
    if (is_listed && word.queue() != Queue::kRun) broken(At("part of a run in another queue", i));
  }
  return report;
}

}  // namespace strata
