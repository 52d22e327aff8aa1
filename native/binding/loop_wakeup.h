// A call into an isolate's loop from any thread of the process.
#pragma once

#include <node_api.h>
#include <uv.h>

namespace strata {

class LoopWakeup {
 public:
  // `callback` runs on the loop of `env` soon after Send; several calls of Send may give one run. Does not keep the
  // loop alive. nullptr if the environment is ending.
  static LoopWakeup* Start(napi_env env, napi_value callback, const char* name);
  void Send() { uv_async_send(&async_); }  // any thread
  // On the isolate's thread, when nobody sends any more. `hook` is removed once libuv has let go.
  void Stop(napi_async_cleanup_hook_handle hook);

 private:
  LoopWakeup() = default;
  static void OnAsync(uv_async_t* async);

  uv_async_t async_;
  napi_env env_ = nullptr;  // nullptr once stopped
  napi_ref callback_ = nullptr;
  napi_async_context context_ = nullptr;
  napi_async_cleanup_hook_handle hook_ = nullptr;
};

}  // namespace strata
