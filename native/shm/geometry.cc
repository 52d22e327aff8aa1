#include "shm/geometry.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace strata {
namespace {

constexpr double kIndexLoad = 0.6;
constexpr double kGhostPerEntry = 1.25;
constexpr uint64_t kEntriesPerSegment = 96;
constexpr uint64_t kBytesPerTagSlot = 16384;
constexpr uint64_t kMinTagSlots = 256;
constexpr uint64_t kMaxDataBytes = uint64_t{kRecordAlign} << 32;  // reach of a 32-bit location

uint64_t AlignUp(uint64_t value, uint64_t to) { return (value + to - 1) / to * to; }

uint32_t ThreadSlotsFor(uint64_t memory) {
  return static_cast<uint32_t>(std::clamp<uint64_t>(memory >> 20, 64, kMaxThreadSlots));
}

uint32_t TagSlotsFor(uint64_t memory) {
  return static_cast<uint32_t>(std::clamp<uint64_t>(std::bit_floor(memory / kBytesPerTagSlot), kMinTagSlots, kMaxTagSlots));
}

uint32_t HoldsFor(uint64_t memory) {
  return static_cast<uint32_t>(std::clamp<uint64_t>(std::bit_floor(memory / 2048), 256, kMaxHolds));
}

Status Place(uint64_t file_bytes, uint32_t segment_shift, uint32_t average_entry_bytes, Geometry* g) {
  std::memset(static_cast<void*>(g), 0, sizeof(*g));
  g->file_bytes = file_bytes;
  g->segment_shift = segment_shift;
  g->average_entry_bytes = average_entry_bytes;
  g->thread_slots = ThreadSlotsFor(file_bytes);
  g->tag_slots = TagSlotsFor(file_bytes);
  g->hold_count = HoldsFor(file_bytes);
  uint64_t segment = uint64_t{1} << segment_shift;
  uint64_t fixed = kPage + g->thread_slots * (sizeof(ThreadSlot) + sizeof(ThreadStats)) +
                   kMaxNamespaces * sizeof(NamespaceEntry) + kNamePoolBytes + kInterestStamps * 8 +
                   g->tag_slots * sizeof(TagSlot) + kMaxQuotas * sizeof(Quota) + uint64_t{g->hold_count} * 4 + 15 * kPage;
  if (file_bytes < fixed + kMinSegments * segment) return Status::kBadOptions;
  double per_entry = sizeof(RecordHeader) + average_entry_bytes + sizeof(Bucket) / (kSlotsPerBucket * kIndexLoad) + 4 * kGhostPerEntry +
                     (average_entry_bytes + 32.0) / static_cast<double>(segment) * (sizeof(Segment) + 4);
  double entries = static_cast<double>(file_bytes - fixed) / per_entry;
  g->bucket_count = static_cast<uint32_t>(
      std::clamp(entries / (kSlotsPerBucket * kIndexLoad), 64.0, 2147483648.0));
  g->ghost_count = static_cast<uint32_t>(std::clamp(kGhostPerEntry * entries, 256.0, 4294967040.0)) / 4 * 4;
  uint64_t index = uint64_t{g->bucket_count} * sizeof(Bucket) + uint64_t{g->ghost_count} * 4;
  if (file_bytes < fixed + index + kMinSegments * segment) return Status::kBadOptions;
  uint64_t room = file_bytes - fixed - index;
  g->segment_count = static_cast<uint32_t>(
      std::min(room / (segment + sizeof(Segment) + 4), kMaxDataBytes / segment - 1));
  if (g->segment_count < kMinSegments) return Status::kBadOptions;

  uint64_t at = kPage;
  auto place = [&at](uint64_t* where, uint64_t bytes) {
    *where = at;
    at = AlignUp(at + bytes, kPage);
  };
  place(&g->generations_at, uint64_t{g->segment_count} * 4);
  place(&g->threads_at, g->thread_slots * sizeof(ThreadSlot));
  place(&g->stats_at, g->thread_slots * sizeof(ThreadStats));
  place(&g->segments_at, g->segment_count * sizeof(Segment));
  place(&g->namespaces_at, kMaxNamespaces * sizeof(NamespaceEntry));
  place(&g->names_at, kNamePoolBytes);
  place(&g->interest_at, kInterestStamps * 8);
  place(&g->tags_at, g->tag_slots * sizeof(TagSlot));
  place(&g->quotas_at, kMaxQuotas * sizeof(Quota));
  place(&g->holds_at, uint64_t{g->hold_count} * 4);
  place(&g->buckets_at, uint64_t{g->bucket_count} * sizeof(Bucket));
  place(&g->ghost_at, uint64_t{g->ghost_count} * 4);
  place(&g->data_at, uint64_t{g->segment_count} * segment);
  return at <= file_bytes ? Status::kOk : Status::kBadOptions;
}

}  // namespace

Status ComputeGeometry(const RegionOptions& options, Geometry* out) {
  if (options.memory_bytes < (uint64_t{1} << 20) || options.memory_bytes > (uint64_t{1} << 42)) {
    return Status::kBadOptions;
  }
  if (options.average_entry_bytes < 16 || options.average_entry_bytes > kMaxValueBytes) return Status::kBadOptions;
  uint32_t segment = options.segment_bytes;
  if (segment == 0) {
    segment = static_cast<uint32_t>(std::clamp<uint64_t>(
        std::bit_floor(options.memory_bytes / 1024), kMinSegmentBytes, kMaxSegmentBytes));
    // Half a record is lost at a segment's end, so larger records get larger segments, while 512 of them are left.
    if (segment < kEntriesPerSegment * options.average_entry_bytes && segment < kMaxSegmentBytes &&
        options.memory_bytes / segment >= 1024) {
      segment *= 2;
    }
  }
  if (!std::has_single_bit(segment) || segment < 4096 || segment > kMaxSegmentBytes) return Status::kBadOptions;
  uint64_t file_bytes = options.memory_bytes / kPage * kPage;
  return Place(file_bytes, static_cast<uint32_t>(std::countr_zero(segment)), options.average_entry_bytes, out);
}

bool IsConsistent(const Geometry& g) {
  if (g.segment_shift < 12 || g.segment_shift > 20 || g.file_bytes > (uint64_t{1} << 42)) return false;
  if (g.average_entry_bytes < 16 || g.average_entry_bytes > kMaxValueBytes) return false;
  Geometry again;
  return Place(g.file_bytes, g.segment_shift, g.average_entry_bytes, &again) == Status::kOk &&
         std::memcmp(&again, &g, sizeof(g)) == 0;
}

}  // namespace strata
