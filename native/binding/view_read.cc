// Hot reads as raw Node-API functions: one argument in, the value or a mailbox status out.
#include <algorithm>
#include <iterator>

#include "binding/view.h"
#include "table/read.h"

namespace strata {
namespace {

// Strings up to this size are made anew on each read; larger ones and objects are kept decoded in L0.
constexpr uint32_t kFreshStringBytes = 256;
// Strings up to this size take well under a microsecond to make anew, less than any object takes to decode.
constexpr uint32_t kCheapStringBytes = 4096;
// No value is larger uncompressed.
constexpr uint32_t kMaxRawBytes = 64u << 20;

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

// What an encoded value counts as once it is decoded: a compressed one as what it declares to be (src/wire/compressed.ts),
// also behind tags (src/wire/tags.ts) and notes (src/wire/notes.ts). Any bytes will do.
uint32_t DecodedBytes(Codec codec, const uint8_t* bytes, uint32_t size) {
  const auto word = [&](uint32_t from) {
    return bytes[from] | bytes[from + 1] << 8 | bytes[from + 2] << 16 | uint32_t{bytes[from + 3]} << 24;
  };
  uint32_t at = 0;
  if (codec == Codec::kTagged && size >= 24) {
    codec = static_cast<Codec>(bytes[0]);
    at = std::min(word(4), size);
  }
  if (codec == Codec::kNoted && size - at >= 40) {
    codec = static_cast<Codec>(bytes[at]);
    at += 40u + (bytes[at + 2] | bytes[at + 3] << 8);
  }
  if (codec < Codec::kZstd || codec > Codec::kGzip || at + 8u > size) return size;
  const uint32_t declared = word(at + 4);
  return std::max(size, std::min(declared, kMaxRawBytes));
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
  uint64_t now = 0;
  uint32_t slot_id = 0;
};

double LeftOf(uint64_t end, uint64_t now) { return end == kNever ? -1 : end > now ? static_cast<double>(end - now) : 0; }

// The consumer of a read: keeps to private memory, since the bytes are only proven whole after it returns.
bool Take(napi_env env, TableHandle& handle, const Key& key, const Hit& hit, bool use_l0, bool take_place, Taken* taken) {
  const uint32_t bytes = hit.header.value_bytes;
  if (bytes > kMaxValueBytes) return false;
  const auto codec = static_cast<Codec>(hit.header.codec);
  const bool is_string = codec <= Codec::kUtf16;
  taken->header = hit.header;
  taken->is_stale = hit.is_stale;
  taken->now = hit.now;
  taken->slot_id = hit.slot_id;
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
    if (keeps && take_place) taken->l0_index = handle.l0().Take(key, hit, bytes, bytes <= kCheapStringBytes);
    taken->found = taken->l0_index >= 0 || handle.l0().has_evicted() ? Found::kReturnedKeep : Found::kReturned;
    return true;
  }
  if (taken->scratch_at + uint64_t{bytes} > handle.scratch_bytes()) {
    taken->found = Found::kGrow;
    return true;
  }
  taken->found = Found::kScratch;
  const uint8_t* copy = handle.scratch() + taken->scratch_at;
  if (!handle.table().CopyValue(hit, handle.scratch() + taken->scratch_at)) return false;
  if (keeps && take_place) taken->l0_index = handle.l0().Take(key, hit, DecodedBytes(codec, copy, bytes), false);
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
  napi_value values[mailbox::kManyKeys];
  char16_t units[mailbox::kManyKeys * kMaxKeyBytes + 8];
  uint8_t key_bytes[mailbox::kManyKeys * kMaxKeyBytes + kKeyRoom];
};

}  // namespace

// getMany(keys, collect): reads kInCount keys that stand in one string without a mark between them, their lengths at
// kMany. Returns what `collect` makes of the values as its arguments: strings and nulls; what else was found is told per
// key behind kMany, and by kFlag how often. kStatus: kReturned, or kBadKey with the key's place in kL0Index.
//
// A key, and an element of a result, by itself costs about as much to cross Node-API as the table takes to answer.
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
  const uint32_t count = std::min<uint32_t>(static_cast<uint32_t>(words[mailbox::kInCount]), mailbox::kManyKeys);
  Chunk& chunk = *reinterpret_cast<Chunk*>(handle.ChunkMemory(sizeof(Chunk)));
  size_t units = 0, unit_at = 0;
  napi_get_value_string_utf16(env, arguments[0], chunk.units, std::size(chunk.units), &units);
  uint8_t* next_key = chunk.key_bytes;
  handle.l0().Settle();
  for (uint32_t i = 0; i < count; i++) {
    const auto length = static_cast<uint32_t>(words[mailbox::kMany + i * mailbox::kManyWords]);
    const uint32_t size = length > units - unit_at ? 0 : EncodeKey(chunk.units + unit_at, length, next_key);
    if (size == 0) {
      words[mailbox::kStatus] = static_cast<int32_t>(Found::kBadKey);
      words[mailbox::kL0Index] = static_cast<int32_t>(i);
      return nullptr;
    }
    unit_at += length;
    chunk.table_keys[i] = table.MakeKey(view->ns, next_key, size);
    next_key += size;
    table.Prefetch(chunk.table_keys[i]);
    handle.l0().Prefetch(chunk.table_keys[i].hash);
  }
  for (uint32_t i = 0; i < count; i++) table.PrefetchRecord(chunk.table_keys[i]);
  napi_value nothing;
  napi_get_undefined(env, &nothing);
  uint32_t scratch_at = 0;
  int32_t not_returned = 0;
  for (uint32_t i = 0; i < count; i++) {
    int32_t* report = words + mailbox::kMany + i * mailbox::kManyWords;
    chunk.values[i] = nothing;
    if (const int index = handle.l0().Probe(table, handle.context(), chunk.table_keys[i], nullptr); index >= 0) {
      report[0] = static_cast<int32_t>(Found::kL0);
      report[1] = index;
      not_returned++;
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
    if (taken.value != nullptr) chunk.values[i] = taken.value;
    if (taken.found == Found::kReturned) continue;
    not_returned++;
    report[1] = taken.l0_index;
    report[2] = static_cast<int32_t>(taken.length);
    report[3] = taken.codec;
    report[4] = static_cast<int32_t>(scratch_at);
    if (taken.found == Found::kScratch) scratch_at += (taken.length + 7) & ~7u;
    if (taken.found == Found::kL0) handle.context().Count(Counter::l0_hits);
  }
  words[mailbox::kStatus] = static_cast<int32_t>(Found::kReturned);
  words[mailbox::kFlag] = not_returned;
  napi_value result = nullptr;
  napi_call_function(env, nothing, arguments[1], count, chunk.values, &result);
  return result;
}

// kSoftLeft: how long the value found is fresh yet, -1 = for ever.
napi_value ViewGet(napi_env env, napi_callback_info info) {
  Call call;
  if (!Open(env, info, &call)) return nullptr;
  TableHandle& handle = *call.view->handle;
  const bool timed = ++handle.sample % TableHandle::kSampleEvery == 0;
  const uint64_t start = timed ? PreciseNs() : 0;
  handle.table().Prefetch(call.table_key);
  if (const int index = handle.l0().Probe(handle.table(), handle.context(), call.table_key,
                                         &handle.numbers()[mailbox::kSoftLeft]);
      index >= 0) {
    handle.words()[mailbox::kStatus] = static_cast<int32_t>(Found::kL0);
    handle.words()[mailbox::kL0Index] = index;
    handle.context().Count(Counter::hits);
    handle.context().Count(Counter::l0_hits);
    if (timed) handle.context().Record(Histogram::kGet, PreciseNs() - start);
    return nullptr;
  }
  handle.l0().Settle();
  Taken taken;
  Status status = handle.table().Read(handle.context(), call.table_key, kReadFresh, [&](const Hit& hit) {
    return Take(env, handle, call.table_key, hit, true, true, &taken);
  });
  if (timed) handle.context().Record(Histogram::kGet, PreciseNs() - start);
  if (status == Status::kOk) handle.numbers()[mailbox::kSoftLeft] = LeftOf(taken.header.soft_ms, taken.now);
  return Deliver(env, handle, taken, status);
}

// As ViewGet with kInFlags (ReadFlags; bit 8 = past L0, bit 9 = no place there for the value), and with the entry's version, age, lives and tag clock in the mailbox. kFlag: how often
// it was used, 0 to 3.
napi_value ViewEntry(napi_env env, napi_callback_info info) {
  Call call;
  if (!Open(env, info, &call)) return nullptr;
  TableHandle& handle = *call.view->handle;
  const auto flags = static_cast<uint32_t>(handle.words()[mailbox::kInFlags]);
  const bool past_l0 = (flags & 0x100) != 0;
  const bool takes_place = (flags & (kReadQuiet | 0x200)) == 0;
  handle.l0().Settle();
  Taken taken;
  FleetBlock fleet{};
  int32_t fleet_state = 0;
  uint64_t tag_clock = 0;
  Status status = handle.table().Read(handle.context(), call.table_key, flags & 0xff, [&](const Hit& hit) {
    fleet_state = 0;
    if (hit.header.tag_bytes != 0) CopyShared(&tag_clock, hit.place.tags(hit.header), sizeof(tag_clock));
    if (hit.header.fleet_bytes != 0) {
      fleet = hit.fleet;
      fleet_state = kHasFleet | (hit.is_doubtful ? kFleetDoubtful : 0) | (fleet.is_pending() ? kFleetPending : 0);
    }
    return Take(env, handle, call.table_key, hit, !past_l0, takes_place, &taken);
  });
  if (status == Status::kOk) {
    const uint64_t now = handle.table().NowMs(handle.context());
    handle.numbers()[mailbox::kVersion] = static_cast<double>(taken.header.version);
    handle.numbers()[mailbox::kSoftLeft] = taken.is_stale ? 0 : LeftOf(taken.header.soft_ms, now);
    handle.numbers()[mailbox::kAge] = static_cast<double>(handle.table().AgeMs(taken.header.version, now) + uint64_t{fleet.aged} * 10);
    handle.numbers()[mailbox::kTagClock] = static_cast<double>(tag_clock);
    handle.numbers()[mailbox::kHardLeft] = LeftOf(taken.header.hard_ms, now);
    handle.words()[mailbox::kIsStale] = taken.is_stale ? 1 : 0;
    handle.words()[mailbox::kFlag] = static_cast<int32_t>(handle.table().FrequencyAt(taken.slot_id));
    handle.words()[mailbox::kFleet] = fleet_state;
    if (fleet_state != 0) handle.numbers()[mailbox::kFleetWord] = static_cast<double>(fleet.mark());
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
