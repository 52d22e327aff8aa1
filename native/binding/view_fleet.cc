// What L2 has to say about entries, as raw Node-API functions.
#include "binding/write_call.h"

namespace strata {
namespace {

constexpr uint64_t kLanePositions = uint64_t{1} << 40;  // a mark is lane * 2^40 + position / 8

// How far the lanes of the journal are settled, as a Float64Array of JavaScript says.
struct SettledLanes {
  const double* upto = nullptr;
  size_t lanes = 0;

  bool Covers(uint64_t mark) const {
    const uint64_t lane = mark / kLanePositions;
    return lane < lanes && static_cast<double>(mark % kLanePositions) <= upto[lane];
  }
};

SettledLanes LanesOf(napi_env env, napi_value value) {
  napi_typedarray_type type;
  size_t length, offset;
  void* data;
  napi_value buffer;
  if (napi_get_typedarray_info(env, value, &type, &length, &data, &buffer, &offset) != napi_ok) return {};
  if (type != napi_float64_array || data == nullptr) return {};
  return {static_cast<const double*>(data), length};
}

}  // namespace

// invalidate(key, settled?): kInFleetWord (the version), kInMark (a mark known to be settled, 0 = none). kFlag: what was
// done (Invalidated). Kept for a mark that is not settled: kFleet is kFleetPending and kFleetWord the mark.
napi_value ViewInvalidate(napi_env env, napi_callback_info info) {
  WriteCall call;
  call.arguments[1] = nullptr;
  if (!Open(env, info, 1, &call)) return nullptr;
  call.handle->Hold(call.table_key);
  TableHandle& handle = *call.handle;
  const SettledLanes lanes = call.arguments[1] == nullptr ? SettledLanes{} : LanesOf(env, call.arguments[1]);
  const auto known = static_cast<uint64_t>(handle.numbers()[mailbox::kInMark]);
  uint64_t pending = 0;
  const auto settled = [&](uint64_t mark) {
    const bool is_settled = mark == known || lanes.Covers(mark);
    pending = is_settled ? 0 : mark;
    return is_settled;
  };
  const Invalidated done = handle.table().Invalidate(
      handle.context(), call.table_key, static_cast<uint64_t>(handle.numbers()[mailbox::kInFleetWord]), settled);
  const bool is_pending = done == Invalidated::kKept && pending != 0;
  handle.words()[mailbox::kFlag] = static_cast<int32_t>(done);
  handle.words()[mailbox::kFleet] = is_pending ? kFleetPending : 0;
  handle.numbers()[mailbox::kFleetWord] = static_cast<double>(pending);
  Answer(handle, Status::kOk);
  return nullptr;
}

// revalidated(key): kInFleetWord, kInDoubt; kInFlags 1: new lives from kInTtl and kInGrace.
napi_value ViewRevalidated(napi_env env, napi_callback_info info) {
  WriteCall call;
  if (!Open(env, info, 1, &call)) return nullptr;
  TableHandle& handle = *call.handle;
  Lives lives;
  ReadLife(handle, &lives.soft_ms, &lives.hard_ms);
  Answer(handle, handle.table().Revalidated(handle.context(), call.table_key,
                                            static_cast<uint64_t>(handle.numbers()[mailbox::kInFleetWord]),
                                            static_cast<uint32_t>(handle.numbers()[mailbox::kInDoubt]),
                                            handle.words()[mailbox::kInFlags] != 0 ? &lives : nullptr));
  return nullptr;
}

// epochs(): kVersion: of the clears of this host; kFleetWord: of those of the fleet; kToken: of all that drops entries.
napi_value ViewEpochs(napi_env env, napi_callback_info info) {
  View* view = OpenView(env, info);
  if (view == nullptr) return nullptr;
  TableHandle& handle = *view->handle;
  handle.numbers()[mailbox::kVersion] = handle.table().ClearsOf(view->ns);
  handle.numbers()[mailbox::kFleetWord] = handle.table().FleetEpochOf(view->ns);
  handle.numbers()[mailbox::kToken] = handle.table().EpochOf(view->ns);
  Answer(handle, Status::kOk);
  return nullptr;
}

// setFleetEpoch(): kInFleetWord, of this namespace alone; with kInFlags 1 only forwards.
napi_value ViewSetFleetEpoch(napi_env env, napi_callback_info info) {
  View* view = OpenView(env, info);
  if (view == nullptr) return nullptr;
  TableHandle& handle = *view->handle;
  const auto epoch = static_cast<uint32_t>(handle.numbers()[mailbox::kInFleetWord]);
  if (handle.words()[mailbox::kInFlags] == 0) handle.table().SetFleetEpoch(view->ns, epoch);
  else handle.table().AdvanceFleetEpoch(view->ns, epoch);
  Answer(handle, Status::kOk);
  return nullptr;
}

// release(key): gives a hold back.
napi_value ViewRelease(napi_env env, napi_callback_info info) {
  WriteCall call;
  if (!Open(env, info, 1, &call)) return nullptr;
  call.handle->table().Release(call.table_key);
  Answer(*call.handle, Status::kOk);
  return nullptr;
}

// isHeld(key): kFlag.
napi_value ViewIsHeld(napi_env env, napi_callback_info info) {
  WriteCall call;
  if (!Open(env, info, 1, &call)) return nullptr;
  call.handle->words()[mailbox::kFlag] = call.handle->table().IsHeld(call.table_key) ? 1 : 0;
  Answer(*call.handle, Status::kOk);
  return nullptr;
}

}  // namespace strata
