#include "binding/layout_report.h"

#include <cinttypes>
#include <cstdio>

#include "journal/layout.h"

namespace strata {
namespace {

struct Field {
  const char* name;
  size_t offset;
  size_t bytes;
};

Napi::Object Describe(Napi::Env env, const char* name, size_t bytes, std::initializer_list<Field> fields) {
  Napi::Object result = Napi::Object::New(env);
  Napi::Array list = Napi::Array::New(env);
  uint32_t n = 0;
  for (const Field& field : fields) {
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("name", field.name);
    entry.Set("offset", static_cast<double>(field.offset));
    entry.Set("bytes", static_cast<double>(field.bytes));
    list[n++] = entry;
  }
  result.Set("struct", name);
  result.Set("bytes", static_cast<double>(bytes));
  result.Set("fields", list);
  return result;
}

}  // namespace

#define F(type, field) \
  Field { #field, offsetof(type, field), sizeof(type::field) }

Napi::Value DescribeLayout(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Array all = Napi::Array::New(env);
  uint32_t n = 0;
  using H = RegionHeader;
  all[n++] = Describe(env, "RegionHeader", sizeof(H),
                      {F(H, magic), F(H, layout_fingerprint), F(H, geometry), F(H, hash_seed), F(H, region_id),
                       F(H, boot_id_hash), F(H, time_namespace), F(H, start_monotonic_ms), F(H, version_base),
                       F(H, seal_sequence), F(H, lease_wake), F(H, janitor_wake), F(H, free_segments),
                       F(H, name_pool_used), F(H, ghost_clock), F(H, segment_records), F(H, admission), F(H, doubt), F(H, tag_clock), F(H, count),
                       F(H, has_disk), F(H, disk_generation), F(H, spilling)});
  using G = Geometry;
  all[n++] = Describe(env, "Geometry", sizeof(G),
                      {F(G, file_bytes), F(G, segment_shift), F(G, segment_count), F(G, bucket_count),
                       F(G, thread_slots), F(G, ghost_count), F(G, average_entry_bytes), F(G, tag_slots), F(G, hold_count), F(G, generations_at),
                       F(G, threads_at), F(G, stats_at), F(G, segments_at), F(G, namespaces_at), F(G, names_at),
                       F(G, interest_at), F(G, tags_at), F(G, quotas_at), F(G, holds_at), F(G, buckets_at), F(G, ghost_at), F(G, data_at)});
  all[n++] = Describe(env, "Bucket", sizeof(Bucket),
                      {F(Bucket, intent), F(Bucket, max_version), F(Bucket, frequency), F(Bucket, counted), F(Bucket, slots)});
  using R = RecordHeader;
  all[n++] = Describe(env, "RecordHeader", sizeof(R),
                      {F(R, value_bytes), F(R, key_bytes), F(R, type), F(R, codec), F(R, ns), F(R, soft_high),
                       F(R, hard_high), F(R, epoch), F(R, version), F(R, soft_low), F(R, hard_low)});
  using L = FleetBlock;
  all[n++] = Describe(env, "FleetBlock", sizeof(L), {F(L, word), F(L, doubt), F(L, aged)});
  all[n++] = Describe(env, "TagBlock", sizeof(TagBlock), {F(TagBlock, clock), F(TagBlock, slots)});
  all[n++] = Describe(env, "LeaseBody", sizeof(LeaseBody), {F(LeaseBody, token), F(LeaseBody, granted_over)});
  all[n++] = Describe(env, "RunHead", sizeof(RunHead), {F(RunHead, part_count), F(RunHead, head_bytes)});
  all[n++] = Describe(env, "RunPart", sizeof(RunPart), {F(RunPart, segment), F(RunPart, generation)});
  using S = Segment;
  all[n++] = Describe(env, "Segment", sizeof(S),
                      {F(S, state), F(S, seal_sequence), F(S, last_expiry), F(S, committed), F(S, live_bytes),
                       F(S, home), F(S, run_segments), F(S, unused)});
  using T = ThreadSlot;
  all[n++] = Describe(env, "ThreadSlot", sizeof(T), {F(T, state), F(T, pid), F(T, bucket_hint), F(T, lease_counter)});
  all[n++] = Describe(env, "ThreadStats", sizeof(ThreadStats), {F(ThreadStats, counters), F(ThreadStats, histograms)});
  all[n++] = Describe(env, "NamespaceEntry", sizeof(NamespaceEntry),
                      {F(NamespaceEntry, word), F(NamespaceEntry, epoch), F(NamespaceEntry, fleet_epoch),
                       F(NamespaceEntry, clears), F(NamespaceEntry, quota), F(NamespaceEntry, unused)});
  all[n++] = Describe(env, "TagSlot", sizeof(TagSlot), {F(TagSlot, cleared), F(TagSlot, fleet)});
  all[n++] = Describe(env, "Quota", sizeof(Quota),
                      {F(Quota, limit), F(Quota, bytes), F(Quota, ns), F(Quota, hand), F(Quota, unused)});
  return all;
}

Napi::Value DescribeJournal(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Array all = Napi::Array::New(env);
  uint32_t n = 0;
  using H = JournalHeader;
  all[n++] = Describe(env, "JournalHeader", sizeof(H),
                      {F(H, magic), F(H, layout_fingerprint), F(H, geometry), F(H, host_id), F(H, hash_seed), F(H, boot_id_hash),
                       F(H, time_namespace), F(H, append_wake), F(H, leader_sleeps), F(H, settle_wake), F(H, settle_waiters),
                       F(H, term), F(H, leader_pid), F(H, lanes_used), F(H, leader_thread), F(H, link), F(H, last_heard_ms), F(H, clock_offset_ms),
                       F(H, breaker), F(H, letters_head), F(H, letters_tail), F(H, counters), F(H, next_op), F(H, known_seq),
                       F(H, known_epoch), F(H, known_server)});
  using G = JournalGeometry;
  all[n++] = Describe(env, "JournalGeometry", sizeof(G),
                      {F(G, file_bytes), F(G, lane_count), F(G, lane_shift), F(G, letter_bytes), F(G, lanes_at), F(G, filters_at),
                       F(G, letters_at), F(G, rings_at)});
  all[n++] = Describe(env, "Lane", sizeof(Lane), {F(Lane, head), F(Lane, pid), F(Lane, unused), F(Lane, counters), F(Lane, acked)});
  all[n++] = Describe(env, "LaneFilter", sizeof(LaneFilter), {F(LaneFilter, counts)});
  using R = JournalRecord;
  all[n++] = Describe(env, "JournalRecord", sizeof(R),
                      {F(R, bytes), F(R, state), F(R, op), F(R, codec), F(R, condition), F(R, partition), F(R, ns_bytes),
                       F(R, key_bytes), F(R, value_bytes), F(R, soft_at), F(R, hard_at), F(R, expected), F(R, source_version),
                       F(R, key_hash), F(R, host_version), F(R, op_number), F(R, result_version), F(R, ns_epoch), F(R, result),
                       F(R, check)});
  char layout[16];
  snprintf(layout, sizeof(layout), "%08" PRIx32, static_cast<uint32_t>(JournalFingerprint()));
  Napi::Object result = Napi::Object::New(env);
  result.Set("layout", std::string(layout));
  result.Set("structs", all);
  return result;
}

}  // namespace strata
