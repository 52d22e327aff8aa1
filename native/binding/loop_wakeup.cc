#include "binding/loop_wakeup.h"

namespace strata {

LoopWakeup* LoopWakeup::Start(napi_env env, napi_value callback, const char* text) {
  uv_loop_t* loop;
  napi_value name;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return nullptr;
  auto* self = new LoopWakeup();
  napi_create_string_latin1(env, text, NAPI_AUTO_LENGTH, &name);
  if (napi_async_init(env, nullptr, name, &self->context_) != napi_ok) {
    delete self;
    return nullptr;
  }
  self->env_ = env;
  napi_create_reference(env, callback, 1, &self->callback_);
  uv_async_init(loop, &self->async_, &LoopWakeup::OnAsync);
  self->async_.data = self;
  uv_unref(reinterpret_cast<uv_handle_t*>(&self->async_));
  return self;
}

void LoopWakeup::Stop(napi_async_cleanup_hook_handle hook) {
  napi_delete_reference(env_, callback_);
  napi_async_destroy(env_, context_);
  env_ = nullptr;
  hook_ = hook;
  uv_close(reinterpret_cast<uv_handle_t*>(&async_), [](uv_handle_t* closed) {
    auto* self = static_cast<LoopWakeup*>(closed->data);
    if (self->hook_ != nullptr) napi_remove_async_cleanup_hook(self->hook_);
    delete self;
  });
}

void LoopWakeup::OnAsync(uv_async_t* async) {
  auto* self = static_cast<LoopWakeup*>(async->data);
  if (self->env_ == nullptr) return;
  napi_env env = self->env_;
  napi_handle_scope scope;
  napi_open_handle_scope(env, &scope);
  napi_value callback, receiver, result;
  napi_get_reference_value(env, self->callback_, &callback);
  napi_get_global(env, &receiver);
  if (napi_make_callback(env, self->context_, receiver, callback, 0, nullptr, &result) == napi_pending_exception) {
    napi_value error;
    napi_get_and_clear_last_exception(env, &error);
    napi_fatal_exception(env, error);
  }
  napi_close_handle_scope(env, scope);
}

}  // namespace strata
