// The owner's calls of the journal as raw Node-API functions.
#include <algorithm>
#include <cmath>

#include "base/crc32.h"
#include "binding/journal_handle.h"
#include "binding/keys.h"
#include "binding/mailbox.h"
#include "journal/pending.h"

namespace strata {
namespace {

constexpr double kFull = 0, kTooLarge = -1, kBadKey = -2, kClosed = -3;
constexpr double kMaxLifeMs = 549755813887.0;  // as in the table

JournalHandle* Arguments(napi_env env, napi_callback_info info, size_t count, napi_value* arguments) {
  void* data;
  napi_get_cb_info(env, info, &count, arguments, nullptr, &data);
  return static_cast<JournalHandle*>(data);
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

uint64_t ToWord(napi_env env, napi_value value) {
  double number = 0;
  napi_get_value_double(env, value, &number);
  return number > 0 && number < 9007199254740992.0 ? static_cast<uint64_t>(number) : 0;
}

uint64_t ToWord(double number) { return number > 0 && number < 9007199254740992.0 ? static_cast<uint64_t>(number) : 0; }

void ReadNumbers(const double* in, JournalInput* out) {
  out->op = static_cast<JournalOp>(static_cast<int>(in[journal_box::kOp]) & 7);
  out->codec = static_cast<uint8_t>(in[journal_box::kCodec]);
  out->condition = static_cast<JournalCondition>(static_cast<int>(in[journal_box::kCondition]) & 3);
  out->wishes = (static_cast<int>(in[journal_box::kCondition]) & journal_box::kWantsReplica) != 0 ? kWishReplica : 0;
  out->partition = static_cast<uint16_t>(std::min<uint64_t>(ToWord(in[journal_box::kPartition]), kPartitions - 1));
  out->expected = ToWord(in[journal_box::kExpected]);
  out->source_version = ToWord(in[journal_box::kSource]);
  const double ttl = in[journal_box::kTtl], grace = in[journal_box::kGrace];
  if (!(ttl > 0)) return;
  out->soft_at = Journal::NowMs() + static_cast<uint64_t>(std::clamp(ttl, 1.0, kMaxLifeMs));
  out->hard_at = out->soft_at + static_cast<uint64_t>(std::clamp(grace, 0.0, kMaxLifeMs));
}

double Finished(JournalHandle& handle, Status status, const PendingRecord& pending, size_t bytes) {
  if (status == Status::kOk) return static_cast<double>(handle.lane().Finish(pending, static_cast<uint32_t>(bytes)));
  return status == Status::kTooLarge ? kTooLarge : kFull;
}

// A string goes straight into the ring in the encoding its codec names; one more byte is for the engine's terminator.
double PrepareString(napi_env env, JournalHandle& handle, const JournalInput& input, napi_value value) {
  PendingRecord pending;
  size_t length, written;
  const auto codec = static_cast<Codec>(input.codec);
  if (codec == Codec::kUtf16) {
    napi_get_value_string_utf16(env, value, nullptr, 0, &length);
    if (length > handle.journal().max_record_bytes()) return kTooLarge;
    std::u16string units(length + 1, u'\0');  // the place in the ring may be odd
    napi_get_value_string_utf16(env, value, units.data(), length + 1, &written);
    const Status status = handle.lane().Begin(input, static_cast<uint32_t>(written * 2), &pending);
    if (status == Status::kOk) std::memcpy(pending.value, units.data(), written * 2);
    return Finished(handle, status, pending, written * 2);
  }
  const bool is_utf8 = codec == Codec::kUtf8;
  if (is_utf8) napi_get_value_string_utf8(env, value, nullptr, 0, &length);
  else napi_get_value_string_latin1(env, value, nullptr, 0, &length);
  if (length > handle.journal().max_record_bytes()) return kTooLarge;
  const Status status = handle.lane().Begin(input, static_cast<uint32_t>(length) + 1, &pending);
  if (status == Status::kOk) {
    auto* to = reinterpret_cast<char*>(pending.value);
    if (is_utf8) napi_get_value_string_utf8(env, value, to, length + 1, &written);
    else napi_get_value_string_latin1(env, value, to, length + 1, &written);
  }
  return Finished(handle, status, pending, length);
}

double PrepareBytes(napi_env env, JournalHandle& handle, const JournalInput& input, napi_value value) {
  void* data;
  size_t bytes;
  if (napi_get_buffer_info(env, value, &data, &bytes) != napi_ok) return kBadKey;
  if (bytes > handle.journal().max_record_bytes()) return kTooLarge;
  PendingRecord pending;
  const Status status = handle.lane().Begin(input, static_cast<uint32_t>(bytes), &pending);
  if (status == Status::kOk && bytes > 0) std::memcpy(pending.value, data, bytes);
  return Finished(handle, status, pending, bytes);
}

constexpr size_t kNamespaceRoom = kMaxNamespaceBytes * kMaxNamespaceDepth + 8;

size_t ReadNamespace(napi_env env, napi_value value, char* to) {
  size_t bytes = 0;
  napi_get_value_string_utf8(env, value, to, kNamespaceRoom, &bytes);
  return bytes;
}

// As src/words/partition.ts has it: the CRC-32 of `<namespace>|<key>`, modulo 256.
uint16_t PartitionOf(const JournalInput& input) {
  const uint32_t crc = CrcStep(CrcStep(kCrcStart, input.ns.data(), input.ns.size()), "|", 1);
  return static_cast<uint16_t>(~CrcStep(crc, input.key.data(), input.key.size()) & 255);
}

}  // namespace

// prepare(namespace, key, payload), the rest by the mailbox: the mark, or 0 full, -1 too large, -2 refused, -3 closed.
// A clear has an empty key.
napi_value JournalPrepare(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  JournalHandle* handle = Arguments(env, info, 3, arguments);
  if (handle->is_closed()) return Number(env, kClosed);
  char ns[kNamespaceRoom];
  KeyBuffer key;
  JournalInput input;
  ReadNumbers(handle->numbers(), &input);
  input.ns = {ns, ReadNamespace(env, arguments[0], ns)};
  if (!ReadKey(env, arguments[1], &key) && input.op != JournalOp::kClear) return Number(env, kBadKey);
  input.key = {reinterpret_cast<char*>(key.bytes), key.size};
  if (handle->numbers()[journal_box::kPartition] == journal_box::kByKey) input.partition = PartitionOf(input);
  napi_valuetype type;
  napi_typeof(env, arguments[2], &type);
  return Number(env, type == napi_string ? PrepareString(env, *handle, input, arguments[2]) : PrepareBytes(env, *handle, input, arguments[2]));
}

// commit(mark, hostVersion, nsEpoch): whether the record stands.
napi_value JournalCommit(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  JournalHandle* handle = Arguments(env, info, 3, arguments);
  if (handle->is_closed()) return Boolean(env, false);
  return Boolean(env, handle->lane().Commit(ToWord(env, arguments[0]), ToWord(env, arguments[1]),
                                            static_cast<uint32_t>(ToWord(env, arguments[2]))));
}

napi_value JournalCancel(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  JournalHandle* handle = Arguments(env, info, 1, arguments);
  if (!handle->is_closed()) handle->lane().Cancel(ToWord(env, arguments[0]));
  return nullptr;
}

napi_value JournalIsSettled(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  JournalHandle* handle = Arguments(env, info, 1, arguments);
  return Boolean(env, !handle->is_closed() && IsSettled(handle->journal(), ToWord(env, arguments[0])));
}

// pending(namespace, key): undefined, or the value as a Buffer; kOut: op, codec, mark, soft at, hard at.
napi_value JournalPending(napi_env env, napi_callback_info info) {
  napi_value arguments[2], result;
  JournalHandle* handle = Arguments(env, info, 2, arguments);
  if (handle->is_closed()) return nullptr;
  char ns[kNamespaceRoom];
  KeyBuffer key;
  const size_t ns_bytes = ReadNamespace(env, arguments[0], ns);
  ReadKey(env, arguments[1], &key);
  PendingFound found;
  if (!FindPending(handle->journal(), {ns, ns_bytes}, {reinterpret_cast<char*>(key.bytes), key.size}, &found)) return nullptr;
  double* out = handle->numbers() + journal_box::kOut;
  out[0] = static_cast<double>(found.op);
  out[1] = found.codec;
  out[2] = static_cast<double>(found.mark);
  out[3] = static_cast<double>(found.soft_at);
  out[4] = static_cast<double>(found.hard_at);
  out[5] = static_cast<double>(found.host_version);
  out[6] = found.condition;
  out[7] = static_cast<double>(found.source_version);
  out[8] = found.ns_epoch;
  void* copy;
  if (napi_create_buffer_copy(env, found.value.size(), found.value.data(), &copy, &result) != napi_ok) return nullptr;
  return result;
}

// inTheWay(namespace, key): 0 nothing, 1 a write, 2 a clear (InTheWay).
napi_value JournalInTheWay(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  JournalHandle* handle = Arguments(env, info, 2, arguments);
  if (handle->is_closed()) return Number(env, 0);
  char ns[kNamespaceRoom];
  KeyBuffer key;
  const size_t ns_bytes = ReadNamespace(env, arguments[0], ns);
  ReadKey(env, arguments[1], &key);
  return Number(env, static_cast<double>(FindInTheWay(handle->journal(), {ns, ns_bytes}, {reinterpret_cast<char*>(key.bytes), key.size})));
}

// heir(namespace, key, givenUp, hostVersion): what came after the write (FindHeir): a mark, 0 settled, -1 nothing.
napi_value JournalHeir(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  JournalHandle* handle = Arguments(env, info, 4, arguments);
  if (handle->is_closed()) return Number(env, 0);
  char ns[kNamespaceRoom];
  KeyBuffer key;
  const size_t ns_bytes = ReadNamespace(env, arguments[0], ns);
  ReadKey(env, arguments[1], &key);
  uint64_t heir;
  const bool has_one = FindHeir(handle->journal(), {ns, ns_bytes}, {reinterpret_cast<char*>(key.bytes), key.size},
                                Mark{ToWord(env, arguments[2])}, ToWord(env, arguments[3]), &heir);
  return Number(env, has_one ? static_cast<double>(heir) : -1);
}

// takeAnswers(): how many {mark, result, version} lie at kOut; more may be left when the mailbox is full.
napi_value JournalTakeAnswers(napi_env env, napi_callback_info info) {
  JournalHandle* handle = Arguments(env, info, 0, nullptr);
  if (handle->is_closed()) return Number(env, 0);
  constexpr size_t kRoom = (journal_box::kNumbers - journal_box::kOut) / 3;
  JournalAnswer answers[kRoom];
  const size_t count = handle->lane().TakeAnswers(answers, kRoom);
  double* out = handle->numbers() + journal_box::kOut;
  for (size_t i = 0; i < count; i++) {
    *out++ = static_cast<double>(answers[i].mark);
    *out++ = static_cast<double>(answers[i].result);
    *out++ = static_cast<double>(answers[i].version);
  }
  return Number(env, static_cast<double>(count));
}

}  // namespace strata
