#include "binding/table_handle.h"

namespace strata {

TableHandle::TableHandle(napi_env env, std::shared_ptr<SharedRegion> shared, const L0Bounds& l0)
    : env_(env), shared_(std::move(shared)), table_(&shared_->table()), l0_(l0) {
  // Runs when the isolate ends, also by worker.terminate(): the thread slot and the segments are given back.
  napi_add_async_cleanup_hook(env_, &TableHandle::OnEnvironmentEnd, this, &hook_);
}

TableHandle::~TableHandle() = default;

Status TableHandle::Start() { return table_->Register(context_); }

void TableHandle::OnEnvironmentEnd(napi_async_cleanup_hook_handle hook, void* self) {
  auto* handle = static_cast<TableHandle*>(self);
  Wakeup* wakeup = handle->wakeup_;
  handle->Close(false);
  if (wakeup != nullptr) {
    wakeup->hook = hook;  // removed once libuv has let go of the async handle
  } else {
    napi_remove_async_cleanup_hook(hook);
  }
  delete handle;
}

void TableHandle::Close(bool unlink) {
  if (is_closed()) return;
  StopListening();
  if (unlink) table_->region().Unlink();
  table_->Unregister(context_);
  table_ = nullptr;
  shared_.reset();
}

View* TableHandle::MakeView(uint32_t ns) {
  views_.push_back(std::make_unique<View>(View{this, ns}));
  return views_.back().get();
}

void TableHandle::SetMailbox(napi_value array_buffer) {
  void* data;
  size_t bytes;
  napi_get_arraybuffer_info(env_, array_buffer, &data, &bytes);
  napi_create_reference(env_, array_buffer, 1, &mailbox_ref_);
  words_ = static_cast<int32_t*>(data);
  numbers_ = static_cast<double*>(data);
}

size_t TableHandle::SetTags(napi_value array_buffer) {
  void* data;
  size_t bytes;
  napi_get_arraybuffer_info(env_, array_buffer, &data, &bytes);
  napi_create_reference(env_, array_buffer, 1, &tags_ref_);
  const size_t skip = -reinterpret_cast<uintptr_t>(data) % kLine;
  l0_.Attach(reinterpret_cast<uint32_t*>(static_cast<uint8_t*>(data) + skip), words_ + mailbox::kEvicted);
  return skip;
}

void TableHandle::SetScratch(napi_value array_buffer) {
  void* data;
  napi_get_arraybuffer_info(env_, array_buffer, &data, &scratch_bytes_);
  if (scratch_ref_ != nullptr) napi_delete_reference(env_, scratch_ref_);
  napi_create_reference(env_, array_buffer, 1, &scratch_ref_);
  scratch_ = static_cast<uint8_t*>(data);
}

bool TableHandle::Listen(napi_value callback) {
  if (wakeup_ != nullptr || is_closed()) return false;
  uv_loop_t* loop;
  napi_value name;
  if (napi_get_uv_event_loop(env_, &loop) != napi_ok) return false;
  napi_create_string_latin1(env_, "stratacache:lease-end", NAPI_AUTO_LENGTH, &name);
  if (napi_async_init(env_, nullptr, name, &async_context_) != napi_ok) return false;
  napi_create_reference(env_, callback, 1, &callback_ref_);
  wakeup_ = new Wakeup();
  wakeup_->handle = this;
  uv_async_init(loop, &wakeup_->async, &TableHandle::OnAsync);
  wakeup_->async.data = wakeup_;
  uv_unref(reinterpret_cast<uv_handle_t*>(&wakeup_->async));  // waiting callers keep the loop alive by their timers
  uv_async_t* async = &wakeup_->async;
  listener_id_ = shared_->service().AddListener([async] { uv_async_send(async); });
  return true;
}

void TableHandle::StopListening() {
  if (wakeup_ == nullptr) return;
  shared_->service().RemoveListener(listener_id_);  // after this nobody sends to the async handle
  wakeup_->handle = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(&wakeup_->async), [](uv_handle_t* closed) {
    auto* wakeup = static_cast<Wakeup*>(closed->data);
    if (wakeup->hook != nullptr) napi_remove_async_cleanup_hook(wakeup->hook);
    delete wakeup;
  });
  wakeup_ = nullptr;
  if (callback_ref_ != nullptr) napi_delete_reference(env_, callback_ref_);
  callback_ref_ = nullptr;
  if (async_context_ != nullptr) napi_async_destroy(env_, async_context_);
  async_context_ = nullptr;
}

void TableHandle::OnAsync(uv_async_t* async) {
  TableHandle* self = static_cast<Wakeup*>(async->data)->handle;
  if (self == nullptr) return;
  napi_handle_scope scope;
  napi_open_handle_scope(self->env_, &scope);
  napi_value callback, receiver, result;
  napi_get_reference_value(self->env_, self->callback_ref_, &callback);
  napi_get_global(self->env_, &receiver);
  if (napi_make_callback(self->env_, self->async_context_, receiver, callback, 0, nullptr, &result) ==
      napi_pending_exception) {
    napi_value error;
    napi_get_and_clear_last_exception(self->env_, &error);
    napi_fatal_exception(self->env_, error);
  }
  napi_close_handle_scope(self->env_, scope);
}

}  // namespace strata
