// Writes as raw Node-API functions. Inputs beside key and value come by the mailbox.
#include <algorithm>

#include "binding/write_call.h"
#include "table/read.h"

namespace strata {
namespace {

Status Refuse(WriteCall& call) {
  call.handle->table().DropKey(call.handle->context(), call.table_key);
  return Status::kTooLarge;
}

// Writes a string that is not plain ASCII: UTF-8, or UTF-16 where that is shorter or the string is ill-formed.
Status WriteWideString(napi_env env, WriteCall& call, size_t length, WriteOptions& options, uint64_t* version) {
  TableHandle& handle = *call.handle;
  if (length > kMaxValueBytes) return Refuse(call);
  std::vector<uint8_t>& buffer = handle.buffer();
  const size_t wide_bytes = (length + 1) * 2;
  if (buffer.size() < wide_bytes + length * 3 + 1) buffer.resize(wide_bytes + length * 3 + 1);
  auto* wide = reinterpret_cast<char16_t*>(buffer.data());
  auto* utf8 = reinterpret_cast<char*>(buffer.data() + wide_bytes);
  size_t units, bytes;
  napi_get_value_string_utf16(env, call.arguments[1], wide, length + 1, &units);
  napi_get_value_string_utf8(env, call.arguments[1], utf8, length * 3 + 1, &bytes);
  const bool as_wide = bytes > units * 2 || !IsWellFormed(wide, units);
  options.codec = static_cast<uint8_t>(as_wide ? Codec::kUtf16 : bytes == length ? Codec::kLatin1 : Codec::kUtf8);
  return handle.table().Write(handle.context(), call.table_key,
                              as_wide ? buffer.data() : buffer.data() + wide_bytes,
                              static_cast<uint32_t>(as_wide ? units * 2 : bytes), options, version);
}

Status WriteString(napi_env env, WriteCall& call, WriteOptions& options, uint64_t* version) {
  TableHandle& handle = *call.handle;
  Table& table = handle.table();
  size_t length;
  napi_get_value_string_latin1(env, call.arguments[1], nullptr, 0, &length);
  if (length > table.max_value_bytes()) return Refuse(call);
  const auto capacity = static_cast<uint32_t>(length) + 1;
  // What is there comes while the string is looked through.
  table.PrefetchRecord(call.table_key);
  bool is_narrow = call.handle->words()[mailbox::kInCodec] == static_cast<int32_t>(Codec::kLatin1);
  if (!is_narrow) {
    size_t utf8_bytes;
    napi_get_value_string_utf8(env, call.arguments[1], nullptr, 0, &utf8_bytes);
    is_narrow = utf8_bytes == length;
  }
  // Plain ASCII, the common case, and what JavaScript knows to be as narrow, goes straight into the record.
  if (is_narrow &&
      RecordBytes(call.table_key.size, capacity, options.block_bytes()) <= table.max_inline_record()) {
    PendingWrite write;
    if (!table.BeginWrite(handle.context(), call.table_key, capacity, options, &write)) {
      table.DropKey(handle.context(), call.table_key);
      return Status::kNoRoom;
    }
    size_t written;
    napi_get_value_string_latin1(env, call.arguments[1], reinterpret_cast<char*>(write.payload), capacity, &written);
    options.codec = static_cast<uint8_t>(Codec::kLatin1);
    return table.CommitWrite(handle.context(), call.table_key, write, static_cast<uint32_t>(length), options, version);
  }
  return WriteWideString(env, call, length, options, version);
}

Status WriteValue(napi_env env, WriteCall& call, WriteOptions& options, uint64_t* version) {
  napi_valuetype type;
  napi_typeof(env, call.arguments[1], &type);
  if (type == napi_string) return WriteString(env, call, options, version);
  void* data;
  size_t bytes;
  if (napi_get_buffer_info(env, call.arguments[1], &data, &bytes) != napi_ok) return Status::kConflict;
  options.codec = static_cast<uint8_t>(call.handle->words()[mailbox::kInCodec] & ~(kFleetFlag | kNegativeFlag));
  options.is_negative = (call.handle->words()[mailbox::kInCodec] & kNegativeFlag) != 0;
  if (bytes > call.handle->table().max_value_bytes()) return Refuse(call);
  static const uint8_t kNothing = 0;
  return call.handle->table().Write(call.handle->context(), call.table_key,
                                    bytes == 0 ? &kNothing : static_cast<const uint8_t*>(data),
                                    static_cast<uint32_t>(bytes), options, version);
}

// Before anything is changed.
void Hold(WriteCall& call) { call.handle->Hold(call.table_key); }

}  // namespace

// Where the region has a disk, each call that may change a key takes a hold, whatever its outcome.
//
// set(key, value): kInTtl, kInGrace, kInCondition (0 none, 1 absent, 2 version in kInExpected), kInToken (publish),
// kInFleet, kInTags with kInTagClock (0: that of the commit). kVersion: that of the stored value; kClears, with a fleet block: the
// clears of this host that it comes after.
napi_value ViewSet(napi_env env, napi_callback_info info) {
  WriteCall call;
  if (!Open(env, info, 2, &call)) return nullptr;
  Hold(call);
  TableHandle& handle = *call.handle;
  const bool timed = ++handle.sample % TableHandle::kSampleEvery == 0;
  const uint64_t start = timed ? PreciseNs() : 0;
  WriteOptions options;
  ReadLife(handle, &options.soft_ms, &options.hard_ms);
  options.condition = static_cast<Condition>(handle.words()[mailbox::kInCondition] & 3);
  options.expected = static_cast<uint64_t>(handle.numbers()[mailbox::kInExpected]);
  options.lease_token = static_cast<uint64_t>(handle.numbers()[mailbox::kInToken]);
  ReadFleet(handle, &options);
  TagBlock tags;
  ReadTags(handle, &tags, &options);
  uint64_t version = 0;
  uint32_t clears = 0;
  if (options.has_fleet) options.clears = &clears;
  Status status = WriteValue(env, call, options, &version);
  handle.numbers()[mailbox::kVersion] = static_cast<double>(version);
  handle.numbers()[mailbox::kClears] = clears;
  handle.context().Count(options.lease_token != 0 ? Counter::publishes : Counter::sets);
  if (timed) handle.context().Record(Histogram::kSet, PreciseNs() - start);
  Answer(handle, status);
  return nullptr;
}

napi_value ViewDelete(napi_env env, napi_callback_info info) {
  WriteCall call;
  if (!Open(env, info, 1, &call)) return nullptr;
  Hold(call);
  Status status = call.handle->table().Delete(call.handle->context(), call.table_key);
  if (status == Status::kOk) call.handle->context().Count(Counter::deletes);
  Answer(*call.handle, status);
  return nullptr;
}

// As delete; kVersion: that of the removal.
napi_value ViewRemove(napi_env env, napi_callback_info info) {
  WriteCall call;
  if (!Open(env, info, 1, &call)) return nullptr;
  Hold(call);
  uint64_t version = 0;
  Status status = call.handle->table().Delete(call.handle->context(), call.table_key, &version);
  call.handle->numbers()[mailbox::kVersion] = static_cast<double>(version);
  if (status == Status::kOk) call.handle->context().Count(Counter::deletes);
  Answer(*call.handle, status);
  return nullptr;
}

// take(key): kInExpected, the version that is removed.
napi_value ViewTake(napi_env env, napi_callback_info info) {
  WriteCall call;
  if (!Open(env, info, 1, &call)) return nullptr;
  Hold(call);
  const auto version = static_cast<uint64_t>(call.handle->numbers()[mailbox::kInExpected]);
  Status status = call.handle->table().Take(call.handle->context(), call.table_key, version);
  if (status == Status::kOk) call.handle->context().Count(Counter::deletes);
  Answer(*call.handle, status);
  return nullptr;
}

napi_value ViewTouch(napi_env env, napi_callback_info info) {
  WriteCall call;
  if (!Open(env, info, 1, &call)) return nullptr;
  Hold(call);
  uint64_t soft, hard;
  ReadLife(*call.handle, &soft, &hard);
  call.handle->context().Count(Counter::touches);
  Answer(*call.handle, call.handle->table().Touch(call.handle->context(), call.table_key, soft, hard));
  return nullptr;
}

napi_value ViewExpire(napi_env env, napi_callback_info info) {
  WriteCall call;
  if (!Open(env, info, 1, &call)) return nullptr;
  Hold(call);
  Answer(*call.handle, call.handle->table().Expire(call.handle->context(), call.table_key));
  return nullptr;
}

// kInLeaseMs, kInForce (bits: 1 over a fresh value, 2 heeds failures it did not wait for, 4 a permit and no load),
// kInToken (awaited flight). kToken: granted or held by; kTagClock: of a grant; kFlag: of a grant the failures before, of a miss 1 if a fresh
// value is there. A failed flight's bytes lie in the scratch buffer, kLength of them.
napi_value ViewAcquire(napi_env env, napi_callback_info info) {
  WriteCall call;
  if (!Open(env, info, 1, &call)) return nullptr;
  TableHandle& handle = *call.handle;
  uint64_t token = 0;
  bool fresh = false;
  uint32_t failures = 0;
  std::string error;
  const int32_t how = handle.words()[mailbox::kInForce];
  Status status = handle.table().Acquire(handle.context(), call.table_key,
                                         static_cast<uint64_t>(handle.numbers()[mailbox::kInLeaseMs]), (how & 1) != 0,
                                         static_cast<uint64_t>(handle.numbers()[mailbox::kInToken]), &token, &fresh,
                                         &error, (how & 2) != 0, &failures, (how & 4) != 0);
  if (status == Status::kOk) handle.numbers()[mailbox::kTagClock] = static_cast<double>(handle.table().TagClock());
  handle.numbers()[mailbox::kToken] = static_cast<double>(token);
  handle.words()[mailbox::kFlag] = fresh ? 1 : static_cast<int32_t>(failures);
  if (status == Status::kFlightFailed) {
    const size_t bytes = std::min(error.size(), handle.scratch_bytes());
    std::memcpy(handle.scratch(), error.data(), bytes);
    handle.words()[mailbox::kLength] = static_cast<int32_t>(bytes);
  }
  Answer(handle, status);
  return nullptr;
}

// fail(key, bytes): kInToken, kInTtl (how long those who waited may still learn of it), kInGrace (how long all who ask
// are told), kInExpected (failures in a row).
napi_value ViewFail(napi_env env, napi_callback_info info) {
  WriteCall call;
  if (!Open(env, info, 2, &call)) return nullptr;
  TableHandle& handle = *call.handle;
  void* data;
  size_t bytes;
  const auto token = static_cast<uint64_t>(handle.numbers()[mailbox::kInToken]);
  if (napi_get_buffer_info(env, call.arguments[1], &data, &bytes) != napi_ok || bytes == 0) {
    Answer(handle, handle.table().Abandon(handle.context(), call.table_key, token));
    return nullptr;
  }
  Answer(handle, handle.table().Fail(handle.context(), call.table_key, token, static_cast<const uint8_t*>(data),
                                     static_cast<uint32_t>(std::min<size_t>(bytes, kMaxValueBytes)),
                                     static_cast<uint64_t>(handle.numbers()[mailbox::kInTtl]),
                                     static_cast<uint64_t>(handle.numbers()[mailbox::kInGrace]),
                                     static_cast<uint32_t>(handle.numbers()[mailbox::kInExpected])));
  return nullptr;
}

napi_value ViewAbandon(napi_env env, napi_callback_info info) {
  WriteCall call;
  if (!Open(env, info, 1, &call)) return nullptr;
  TableHandle& handle = *call.handle;
  Answer(handle, handle.table().Abandon(handle.context(), call.table_key,
                                        static_cast<uint64_t>(handle.numbers()[mailbox::kInToken])));
  return nullptr;
}

napi_value ViewClear(napi_env env, napi_callback_info info) {
  View* view = OpenView(env, info);
  if (view == nullptr) return nullptr;
  view->handle->LoseTrack();
  view->handle->table().ClearNamespace(view->ns);
  Answer(*view->handle, Status::kOk);
  return nullptr;
}

}  // namespace strata
