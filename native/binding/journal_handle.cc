#include "binding/journal_handle.h"

namespace strata {

JournalHandle::JournalHandle(napi_env env, std::shared_ptr<SharedJournal> shared)
    : env_(env), shared_(std::move(shared)), lane_(new LaneOwner(shared_->journal())), breaker_(new Breaker(shared_->journal())) {
  // Runs when the isolate ends, also by worker.terminate(): lane and leadership are given back.
  napi_add_async_cleanup_hook(env_, &JournalHandle::OnEnvironmentEnd, this, &hook_);
}

void JournalHandle::OnEnvironmentEnd(napi_async_cleanup_hook_handle hook, void* self) {
  auto* handle = static_cast<JournalHandle*>(self);
  handle->ending_ = hook;
  const bool has_wakeup = handle->wakeup_ != nullptr;
  handle->Close(false);
  if (!has_wakeup) napi_remove_async_cleanup_hook(hook);
  delete handle;
}

void JournalHandle::Close(bool unlink) {
  if (is_closed()) return;
  Resign();
  if (wakeup_ != nullptr) {
    if (listener_ != 0) shared_->waker().RemoveListener(listener_);  // after this nobody sends to it
    wakeup_->Stop(ending_);
    wakeup_ = nullptr;
  }
  shared_->Release(this);
  if (unlink) journal().file().Unlink();
  breaker_.reset();
  lane_.reset();
  shared_.reset();
}

Leader* JournalHandle::leader() {
  if (term() == 0) return nullptr;
  if (leader_ == nullptr) leader_.reset(new Leader(journal(), *candidate_));
  return leader_.get();
}

void JournalHandle::Campaign() {
  if (candidate_ != nullptr || wakeup_ == nullptr) return;
  LoopWakeup* wakeup = wakeup_;
  candidate_.reset(new Candidate(journal(), [wakeup] { wakeup->Send(); }));
  candidate_->Start();
}

void JournalHandle::Resign() {
  leader_.reset();
  candidate_.reset();
}

bool JournalHandle::Listen(napi_value callback) {
  if (wakeup_ == nullptr) wakeup_ = LoopWakeup::Start(env_, callback, "stratacache:journal");
  return wakeup_ != nullptr;
}

void JournalHandle::Announce() {
  if (wakeup_ == nullptr) return;
  LoopWakeup* wakeup = wakeup_;
  if (listener_ == 0) listener_ = shared_->waker().AddListener([wakeup] { wakeup->Send(); });
  AnnounceSettleWaiter(journal());
}

void JournalHandle::SetMailbox(napi_value array_buffer) {
  void* data;
  size_t bytes;
  napi_get_arraybuffer_info(env_, array_buffer, &data, &bytes);
  napi_create_reference(env_, array_buffer, 1, &mailbox_ref_);
  numbers_ = static_cast<double*>(data);
}

}  // namespace strata
