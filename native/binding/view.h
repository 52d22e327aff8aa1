// The functions of one namespace's view. Each takes the key first; numbers travel by the mailbox.
#pragma once

#include "binding/keys.h"
#include "binding/table_handle.h"

namespace strata {

// Reads (view_read.cc): return the value or nullptr with kStatus set.
napi_value ViewGet(napi_env env, napi_callback_info info);
napi_value ViewEntry(napi_env env, napi_callback_info info);
napi_value ViewGetMany(napi_env env, napi_callback_info info);
napi_value ViewHas(napi_env env, napi_callback_info info);

// Writes (view_write.cc): kStatus is the native Status or a negative Found.
napi_value ViewSet(napi_env env, napi_callback_info info);
napi_value ViewDelete(napi_env env, napi_callback_info info);
napi_value ViewRemove(napi_env env, napi_callback_info info);
napi_value ViewTake(napi_env env, napi_callback_info info);
napi_value ViewTouch(napi_env env, napi_callback_info info);
napi_value ViewExpire(napi_env env, napi_callback_info info);
napi_value ViewAcquire(napi_env env, napi_callback_info info);
napi_value ViewFail(napi_env env, napi_callback_info info);
napi_value ViewAbandon(napi_env env, napi_callback_info info);
napi_value ViewClear(napi_env env, napi_callback_info info);

// L2's word on entries (view_fleet.cc).
napi_value ViewInvalidate(napi_env env, napi_callback_info info);
napi_value ViewRevalidated(napi_env env, napi_callback_info info);
napi_value ViewEpochs(napi_env env, napi_callback_info info);
napi_value ViewSetFleetEpoch(napi_env env, napi_callback_info info);

// Copies on a disk (view_fleet.cc).
napi_value ViewRelease(napi_env env, napi_callback_info info);
napi_value ViewIsHeld(napi_env env, napi_callback_info info);

}  // namespace strata
