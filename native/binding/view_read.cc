// Hot reads as raw Node-API functions: one argument in, the value or a mailbox status out.
#include <algorithm>

#include "binding/view.h"
#include "table/read.h"

namespace strata {
namespace {

// Strings up to this size are made anew on each read; larger ones and objects are kept decoded in L0.
constexpr uint32_t kFreshStringBytes = 256;

napi_value MakeString(napi_env env, TableHandle& handle, const Hit& hit) {
  napi_value result = nullptr;
  const uint32_t bytes = hit.header.value_bytes;
  const auto codec = static_cast<Codec>(hit.header.codec);
  if (codec == Codec::kLatin1 && !hit.header.is_run) {
    // One pass over bytes that may still change; any bytes make a valid string, and the caller checks them after.
    napi_create_string_latin1(env, reinterpret_cast<const char*>(hit.payload()), bytes, &result);
    return result;
  }
  std::vector<uint8_t>& copy = handle.buffer();
  if (copy.size() < bytes + 2) copy.resize(bytes + 2);
  if (!handle.table().CopyValue(hit, copy.data())) return nullptr;
  if (codec == Codec::kLatin1) {
    napi_create_string_latin1(env, reinterpret_cast<const char*>(copy.data()), bytes, &result);
  } else if (codec == Codec::kUtf16) {
    napi_create_string_utf16(env, reinterpret_cast<const char16_t*>(copy.data()), bytes / 2, &result);
  } else {
    napi_create_string_utf8(env, reinterpret_cast<const char*>(copy.data()), bytes, &result);
  }
  return result;
}

// What one read found, before it is handed to JavaScript.
struct Taken {
  uint32_t scratch_at = 0;  // in: where free room in the scratch buffer begins
  Found found = Found::kMiss;
  napi_value value = nullptr;
  int l0_index = -1;
  uint32_t length = 0;
  uint8_t codec = 0;
  HeaderCopy header{};
  bool is_stale = false;
};

// The consumer of a read: keeps to private memory, since the bytes are only proven whole after it returns.
bool Take(napi_env env, TableHandle& handle, const Key& key, const Hit& hit, bool use_l0, bool take_place, Taken* taken) {
  const uint32_t bytes = hit.header.value_bytes;
  if (bytes > kMaxValueBytes) return false;
  const auto codec = static_cast<Codec>(hit.header.codec);
  const bool is_string = codec <= Codec::kUtf16;
  taken->header = hit.header;
  taken->is_stale = hit.is_stale;
  taken->codec = hit.header.codec;
  taken->length = bytes;
  taken->l0_index = -1;
  taken->value = nullptr;
  if (codec == Codec::kMsgpack && bytes == 1 && LoadField(*hit.payload()) == 0xc0) {
    taken->found = Found::kReturned;
    napi_get_null(env, &taken->value);
    return true;
  }
  const bool keeps = is_string ? bytes > kFreshStringBytes : codec != Codec::kBytes;
  if (use_l0 && keeps) {
    taken->l0_index = handle.l0().Find(key.hash, hit);
    if (taken->l0_index >= 0) {
      taken->found = Found::kL0;
      return true;
    }
  }
  if (is_string) {
    taken->value = MakeString(env, handle, hit);
    if (taken->value == nullptr) return false;
    if (keeps && take_place) taken->l0_index = handle.l0().Take(key, hit);
    taken->found = taken->l0_index >= 0 ? Found::kReturnedKeep : Found::kReturned;
    return true;
  }
  if (taken->scratch_at + uint64_t{bytes} > handle.scratch_bytes()) {
    taken->found = Found::kGrow;
    return true;
  }
  taken->found = Found::kScratch;
  if (!handle.table().CopyValue(hit, handle.scratch() + taken->scratch_at)) return false;
  if (keeps && take_place) taken->l0_index = handle.l0().Take(key, hit);
  return true;
}

struct Call {
  View* view;
  KeyBuffer key;
  Key table_key;
};

// False if the call cannot go on; the status is in the mailbox then.
inline bool Open(napi_env env, napi_callback_info info, Call* call) {
  size_t argc = 1;
  napi_value argument;
  void* data;
  napi_get_cb_info(env, info, &argc, &argument, nullptr, &data);
  call->view = static_cast<View*>(data);
  TableHandle& handle = *call->view->handle;
  if (handle.is_closed()) {
    handle.words()[mailbox::kStatus] = static_cast<int32_t>(Found::kClosed);
    return false;
  }
  if (argc < 1 || !ReadKey(env, argument, &call->key)) {
    handle.words()[mailbox::kStatus] = static_cast<int32_t>(Found::kBadKey);
    return false;
  }
  call->table_key = handle.table().MakeKey(call->view->ns, call->key.bytes, call->key.size);
  return true;
}

napi_value Deliver(napi_env, TableHandle& handle, const Taken& taken, Status status) {
  int32_t* words = handle.words();
  if (status != Status::kOk) {
    words[mailbox::kStatus] = static_cast<int32_t>(Found::kMiss);
    return nullptr;
  }
  words[mailbox::kStatus] = static_cast<int32_t>(taken.found);
  if (taken.found == Found::kReturned) return taken.value;
  words[mailbox::kL0Index] = taken.l0_index;
  if (taken.found == Found::kReturnedKeep) return taken.value;
  words[mailbox::kLength] = static_cast<int32_t>(taken.length);
  words[mailbox::kCodec] = taken.codec;
  if (taken.found == Found::kL0) handle.context().Count(Counter::l0_hits);
  return nullptr;
}

// A chunk of a getMany: keys first, so that the misses of all of them overlap; packed, so that they stay in cache.
struct Chunk {
  Key table_keys[mailbox::kManyKeys];
  uint8_t key_bytes[mailbox::kManyKeys * kMaxKeyBytes + kKeyRoom];
};

}  // namespace

// getMany(keys, results): reads up to kManyKeys keys from kInStart. Strings and nulls go into `results`; what else was
// found is told per key behind kMany. kStatus: kReturned, or kBadKey with the key's place in kL0Index.
napi_value ViewGetMany(napi_env env, napi_callback_info info) {
  size_t argc = 2;
  napi_value arguments[2];
  void* data;
  napi_get_cb_info(env, info, &argc, arguments, nullptr, &data);
  auto* view = static_cast<View*>(data);
  TableHandle& handle = *view->handle;
  int32_t* words = handle.words();
  if (handle.is_closed()) {
    words[mailbox::kStatus] = static_cast<int32_t>(Found::kClosed);
    return nullptr;
  }
  Table& table = handle.table();
  uint32_t length = 0;
  napi_get_array_length(env, arguments[0], &length);
  const auto start = static_cast<uint32_t>(words[mailbox::kInStart]);
  const uint32_t count = std::min<uint32_t>(length - std::min(start, length), mailbox::kManyKeys);
  Chunk& chunk = *reinterpret_cast<Chunk*>(handle.ChunkMemory(sizeof(Chunk)));
  uint8_t* next_key = chunk.key_bytes;
  for (uint32_t i = 0; i < count; i++) {
    napi_value element;
    napi_get_element(env, arguments[0], start + i, &element);
    const uint32_t size = ReadKeyInto(env, element, next_key);
    if (size == 0) {
      words[mailbox::kStatus] = static_cast<int32_t>(Found::kBadKey);
      words[mailbox::kL0Index] = static_cast<int32_t>(start + i);
      return nullptr;
    }
    chunk.table_keys[i] = table.MakeKey(view->ns, next_key, size);
    next_key += size;
    table.Prefetch(chunk.table_keys[i]);
    handle.l0().Prefetch(chunk.table_keys[i].hash);
  }
  for (uint32_t i = 0; i < count; i++) table.PrefetchRecord(chunk.table_keys[i]);
  uint32_t scratch_at = 0;
  for (uint32_t i = 0; i < count; i++) {
    int32_t* report = words + mailbox::kMany + i * mailbox::kManyWords;
    if (const int index = handle.l0().Probe(table, handle.context(), chunk.table_keys[i]); index >= 0) {
      report[0] = static_cast<int32_t>(Found::kL0);
      report[1] = index;
      handle.context().Count(Counter::hits);
      handle.context().Count(Counter::l0_hits);
      continue;
    }
    Taken taken;
    taken.scratch_at = scratch_at;
    Status status = table.Read(handle.context(), chunk.table_keys[i], kReadFresh, [&](const Hit& hit) {
      return Take(env, handle, chunk.table_keys[i], hit, true, true, &taken);
    });
    report[0] = static_cast<int32_t>(status == Status::kOk ? taken.found : Found::kMiss);
    if (status != Status::kOk) continue;
    report[1] = taken.l0_index;
    report[2] = static_cast<int32_t>(taken.length);
    report[3] = taken.codec;
    report[4] = static_cast<int32_t>(scratch_at);
    if (taken.value != nullptr) napi_set_element(env, arguments[1], start + i, taken.value);
    if (taken.found == Found::kScratch) scratch_at += (taken.length + 7) & ~7u;
    if (taken.found == Found::kL0) handle.context().Count(Counter::l0_hits);
  }
  words[mailbox::kStatus] = static_cast<int32_t>(Found::kReturned);
  return nullptr;
}

napi_value ViewGet(napi_env env, napi_callback_info info) {
  Call call;
  if (!Open(env, info, &call)) return nullptr;
  TableHandle& handle = *call.view->handle;
  const bool timed = ++handle.sample % TableHandle::kSampleEvery == 0;
  const uint64_t start = timed ? PreciseNs() : 0;
  handle.table().Prefetch(call.table_key);
  if (const int index = handle.l0().Probe(handle.table(), handle.context(), call.table_key); index >= 0) {
    handle.words()[mailbox::kStatus] = static_cast<int32_t>(Found::kL0);
    handle.words()[mailbox::kL0Index] = index;
    handle.context().Count(Counter::hits);
    handle.context().Count(Counter::l0_hits);
    if (timed) handle.context().Record(Histogram::kGet, PreciseNs() - start);
    return nullptr;
  }
  Taken taken;
  Status status = handle.table().Read(handle.context(), call.table_key, kReadFresh, [&](const Hit& hit) {
    return Take(env, handle, call.table_key, hit, true, true, &taken);
  });
  if (timed) handle.context().Record(Histogram::kGet, PreciseNs() - start);
  return Deliver(env, handle, taken, status);
}

// As ViewGet with kInFlags (ReadFlags; bit 8 = past L0), and with the entry's version and lives in the mailbox.
napi_value ViewEntry(napi_env env, napi_callback_info info) {
  Call call;
  if (!Open(env, info, &call)) return nullptr;
  TableHandle& handle = *call.view->handle;
  const auto flags = static_cast<uint32_t>(handle.words()[mailbox::kInFlags]);
  const bool past_l0 = (flags & 0x100) != 0;
  Taken taken;
  Status status = handle.table().Read(handle.context(), call.table_key, flags & 0xff, [&](const Hit& hit) {
    return Take(env, handle, call.table_key, hit, !past_l0, (flags & kReadQuiet) == 0, &taken);
  });
  if (status == Status::kOk) {
    const uint64_t now = handle.table().NowMs(handle.context());
    const uint64_t soft = taken.header.soft_ms;
    handle.numbers()[mailbox::kVersion] = static_cast<double>(taken.header.version);
    handle.numbers()[mailbox::kSoftLeft] = soft == kNever ? -1 : soft > now ? static_cast<double>(soft - now) : 0;
    handle.words()[mailbox::kIsStale] = taken.is_stale ? 1 : 0;
  }
  return Deliver(env, handle, taken, status);
}

napi_value ViewHas(napi_env env, napi_callback_info info) {
  Call call;
  if (!Open(env, info, &call)) return nullptr;
  TableHandle& handle = *call.view->handle;
  Status status = handle.table().Read(handle.context(), call.table_key, kReadQuiet, [](const Hit&) { return true; });
  handle.words()[mailbox::kStatus] = static_cast<int32_t>(status == Status::kOk ? Found::kReturned : Found::kMiss);
  return nullptr;
}

}  // namespace strata
