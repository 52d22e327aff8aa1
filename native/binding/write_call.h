// How a call that changes a key begins: its arguments, the lives and the fleet block the mailbox gives it.
#pragma once

#include <algorithm>

#include "binding/view.h"

namespace strata {

struct WriteCall {
  TableHandle* handle;
  View* view;
  napi_value arguments[2];
  KeyBuffer key;
  Key table_key;
};

inline void Answer(TableHandle& handle, Status status) { handle.words()[mailbox::kStatus] = static_cast<int32_t>(status); }

inline bool Open(napi_env env, napi_callback_info info, size_t wanted, WriteCall* call) {
  size_t argc = 2;
  void* data;
  napi_get_cb_info(env, info, &argc, call->arguments, nullptr, &data);
  call->view = static_cast<View*>(data);
  call->handle = call->view->handle;
  if (call->handle->is_closed()) {
    call->handle->words()[mailbox::kStatus] = static_cast<int32_t>(Found::kClosed);
    return false;
  }
  if (argc < wanted || !ReadKey(env, call->arguments[0], &call->key)) {
    call->handle->words()[mailbox::kStatus] = static_cast<int32_t>(Found::kBadKey);
    return false;
  }
  call->table_key = call->handle->table().MakeKey(call->view->ns, call->key.bytes, call->key.size);
  call->handle->table().Prefetch(call->table_key);
  return true;
}

// 40 bits of milliseconds; longer lives are cut there, which is 34 years.
inline constexpr double kMaxLifeMs = 1099511627775.0 / 2;

inline void ReadLife(TableHandle& handle, uint64_t* soft, uint64_t* hard) {
  const double ttl = handle.numbers()[mailbox::kInTtl], grace = handle.numbers()[mailbox::kInGrace];
  *soft = *hard = kNever;
  if (!(ttl > 0)) return;
  const uint64_t now = handle.table().NowMs(handle.context());
  *soft = now + static_cast<uint64_t>(std::clamp(ttl, 1.0, kMaxLifeMs));
  *hard = *soft + static_cast<uint64_t>(std::clamp(grace, 0.0, kMaxLifeMs));
}

// For calls without a key. nullptr if the table is closed.
inline View* OpenView(napi_env env, napi_callback_info info) {
  size_t argc = 0;
  void* data;
  napi_get_cb_info(env, info, &argc, nullptr, nullptr, &data);
  auto* view = static_cast<View*>(data);
  if (!view->handle->is_closed()) return view;
  view->handle->words()[mailbox::kStatus] = static_cast<int32_t>(Found::kClosed);
  return nullptr;
}

inline void ReadTags(TableHandle& handle, TagBlock* block, WriteOptions* options) {
  const auto count = std::min<uint32_t>(static_cast<uint32_t>(handle.words()[mailbox::kInTags]), kMaxTags);
  if (count == 0) return;
  options->tag_bytes = TagBlock::BytesOf(count);
  options->tags = block;
  block->clock = static_cast<uint64_t>(handle.numbers()[mailbox::kInTagClock]);
  const uint32_t room = (options->tag_bytes - static_cast<uint32_t>(sizeof(block->clock))) / sizeof(uint16_t);
  for (uint32_t i = 0; i < room; i++) block->slots[i] = static_cast<uint16_t>(handle.words()[mailbox::kMany + (i < count ? i : 0)]);
}

inline void ReadFleet(TableHandle& handle, WriteOptions* options) {
  const auto kind = static_cast<FleetInput>(handle.words()[mailbox::kInFleet]);
  options->has_fleet = kind != FleetInput::kNone;
  if (!options->has_fleet) return;
  options->fleet.word = static_cast<uint64_t>(handle.numbers()[mailbox::kInFleetWord]);
  if (kind == FleetInput::kMark) options->fleet.word |= FleetBlock::kPending;
  options->fleet.doubt = static_cast<uint32_t>(handle.numbers()[mailbox::kInDoubt]);
  options->fleet.aged = static_cast<uint32_t>(handle.numbers()[mailbox::kInAged]);
}

}  // namespace strata
