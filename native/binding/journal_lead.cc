// The leader's calls of the journal. Without the leadership each reports that and does nothing.
#include <cstring>

#include "base/crc32.h"
#include "binding/journal_handle.h"

namespace strata {
namespace {

Leader* LeaderOf(napi_env env, napi_callback_info info, size_t count, napi_value* arguments, JournalHandle** handle) {
  void* data;
  napi_get_cb_info(env, info, &count, arguments, nullptr, &data);
  *handle = static_cast<JournalHandle*>(data);
  return (*handle)->is_closed() ? nullptr : (*handle)->leader();
}

napi_value Number(napi_env env, double value) {
  napi_value result;
  napi_create_double(env, value, &result);
  return result;
}

napi_value Boolean(napi_env env, bool value) {
  napi_value result;
  napi_get_boolean(env, value, &result);
  return result;
}

double ToDouble(napi_env env, napi_value value) {
  double number = 0;
  napi_get_value_double(env, value, &number);
  return number;
}

double* Doubles(napi_env env, napi_value value, size_t* count) {
  napi_typedarray_type type;
  void* data = nullptr;
  size_t offset;
  napi_value buffer;
  *count = 0;
  if (napi_get_typedarray_info(env, value, &type, count, &data, &buffer, &offset) != napi_ok || type != napi_float64_array) {
    *count = 0;
    return nullptr;
  }
  return static_cast<double*>(data);
}

size_t BytesOf(const RecordBody& body) { return body.ns.size() + body.key.size() + body.value.size(); }

// As the envelope in Redis has it, of `<namespace>|<key>` and value; -1 where that is long.
double CrcOf(const RecordBody& body) {
  constexpr size_t kMaxCrcBytes = 512;
  if (BytesOf(body) > kMaxCrcBytes) return -1;
  const uint32_t crc = CrcStep(CrcStep(kCrcStart, body.ns.data(), body.ns.size()), "|", 1);
  return ~CrcStep(CrcStep(crc, body.key.data(), body.key.size()), body.value.data(), body.value.size());
}

bool IsAscii(const uint8_t* at, size_t bytes) {
  uint8_t all = 0;
  for (size_t i = 0; i < bytes; i++) all |= at[i];
  return all < 0x80;
}

}  // namespace

// drain(records, bytes): how many records the batch has; kOut: bytes of their bodies, 1 if they are sent again.
napi_value JournalDrain(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  JournalHandle* handle;
  Leader* leader = LeaderOf(env, info, 2, arguments, &handle);
  if (leader == nullptr) return Number(env, 0);
  const auto& batch = leader->Drain({static_cast<uint32_t>(ToDouble(env, arguments[0])), static_cast<uint64_t>(ToDouble(env, arguments[1]))});
  size_t bytes = 0;
  for (uint32_t id : batch) bytes += BytesOf(leader->body(id));
  handle->numbers()[journal_box::kOut] = static_cast<double>(bytes);
  handle->numbers()[journal_box::kOut + 1] = (leader->is_resend() ? 1 : 0) | (leader->wants_replica() ? 2 : 0);
  return Number(env, static_cast<double>(batch.size()));
}

// fill(meta, body): kRecordNumbers doubles for each record of the last batch, and the bodies one after the other.
napi_value JournalFill(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  JournalHandle* handle;
  Leader* leader = LeaderOf(env, info, 2, arguments, &handle);
  size_t numbers, room;
  double* meta = Doubles(env, arguments[0], &numbers);
  void* data;
  if (leader == nullptr || meta == nullptr || napi_get_buffer_info(env, arguments[1], &data, &room) != napi_ok) return Boolean(env, false);
  auto* body = static_cast<uint8_t*>(data);
  size_t at = 0;
  std::string_view ns_before;
  const auto& batch = leader->batch();
  for (size_t i = 0; i < batch.size(); i++) {
    if (i + kAhead < batch.size()) leader->Prefetch(batch[i + kAhead], true);
    const uint32_t id = batch[i];
    const JournalRecord& r = leader->record(id);
    const IndexEntry& entry = leader->entry(id);
    const RecordBody parts = leader->body(id);
    const size_t bytes = BytesOf(parts);
    if (at + bytes > room || numbers < journal_box::kRecordNumbers) return Boolean(env, false);
    std::memcpy(body + at, parts.ns.data(), bytes);
    const char* copy = reinterpret_cast<const char*>(body + at);
    const RecordBody copied{{copy, parts.ns.size()}, {copy + parts.ns.size(), parts.key.size()}, {copy + parts.ns.size() + parts.key.size(), parts.value.size()}};
    const bool is_same_ns = at > 0 && ns_before == parts.ns;
    const double fields[journal_box::kRecordNumbers] = {
        static_cast<double>(r.op), static_cast<double>(r.codec), static_cast<double>(r.condition), static_cast<double>(r.partition),
        static_cast<double>(parts.ns.size()), static_cast<double>(parts.key.size()), static_cast<double>(parts.value.size()), static_cast<double>(at),
        static_cast<double>(Mark::Make(entry.lane, entry.position).raw), static_cast<double>(entry.version),
        static_cast<double>(r.ns_epoch.load(kRelaxed)), static_cast<double>(r.expected), static_cast<double>(r.source_version),
        static_cast<double>(entry.op_number), static_cast<double>(r.soft_at), static_cast<double>(r.hard_at),
        static_cast<double>(id),
        static_cast<double>((entry.is_orphan ? 1 : 0) | (IsAscii(body + at + parts.ns.size(), parts.key.size()) ? 2 : 0) | (is_same_ns ? 4 : 0) |
                            (entry.state == RecordState::kGivenUp ? 8 : 0)),
        CrcOf(copied)};
    std::memcpy(meta, fields, sizeof(fields));
    meta += journal_box::kRecordNumbers;
    numbers -= journal_box::kRecordNumbers;
    at += bytes;
    ns_before = parts.ns;
  }
  return Boolean(env, true);
}

// assign(ids): each is replaced by the record's op number, 0 without the leadership.
napi_value JournalAssign(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  JournalHandle* handle;
  Leader* leader = LeaderOf(env, info, 1, arguments, &handle);
  size_t count;
  double* numbers = Doubles(env, arguments[0], &count);
  bool all = leader != nullptr;
  for (size_t i = 0; i < count && all; i++) {
    if (i + kAhead < count) leader->Prefetch(static_cast<uint32_t>(numbers[i + kAhead]));
    numbers[i] = static_cast<double>(leader->Assign(static_cast<uint32_t>(numbers[i])));
    all = numbers[i] != 0;
  }
  return Boolean(env, all);
}

// settle({id, result, version}..., reasons): false without the leadership.
// `reasons` has one string for each dead record, in order.
napi_value JournalSettle(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  JournalHandle* handle;
  Leader* leader = LeaderOf(env, info, 2, arguments, &handle);
  if (leader == nullptr) return Boolean(env, false);
  size_t count;
  const double* numbers = Doubles(env, arguments[0], &count);
  uint32_t dead = 0;
  for (size_t i = 0; i + 3 <= count; i += 3) {
    if (i + 3 * kAhead < count) leader->Prefetch(static_cast<uint32_t>(numbers[i + 3 * kAhead]));
    BatchAnswer answer;
    answer.result = static_cast<JournalResult>(static_cast<uint32_t>(numbers[i + 1]));
    answer.version = static_cast<uint64_t>(numbers[i + 2]);
    char reason[512];
    if (answer.result == JournalResult::kDead) {
      napi_value text;
      size_t bytes = 0;
      if (napi_get_element(env, arguments[1], dead++, &text) == napi_ok) napi_get_value_string_utf8(env, text, reason, sizeof(reason), &bytes);
      answer.reason = {reason, bytes};
    }
    leader->Answer(static_cast<uint32_t>(numbers[i]), answer);
  }
  leader->Advance();
  return Boolean(env, handle->term() != 0);
}

// sleep(): false if there is something to drain; else the next commit wakes the leader.
napi_value JournalSleep(napi_env env, napi_callback_info info) {
  JournalHandle* handle;
  Leader* leader = LeaderOf(env, info, 0, nullptr, &handle);
  return Boolean(env, leader == nullptr || leader->GoToSleep());
}

}  // namespace strata
