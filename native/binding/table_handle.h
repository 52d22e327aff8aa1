// What one isolate holds of one table: its thread context, its buffers, its wake-up.
#pragma once

#include <node_api.h>
#include <uv.h>

#include <memory>
#include <string>
#include <vector>

#include "binding/l0_index.h"
#include "binding/mailbox.h"
#include "binding/shared_region.h"

namespace strata {

class TableHandle;

// A namespace of a handle; the data pointer of the functions JavaScript calls.
struct View {
  TableHandle* handle;
  uint32_t ns;
};

class TableHandle {
 public:
  TableHandle(napi_env env, std::shared_ptr<SharedRegion> shared, const L0Bounds& l0);
  ~TableHandle();

  Status Start();  // takes the thread slot
  // Ends the isolate's use; safe to call twice. Functions already handed out report kClosed from then on.
  void Close(bool unlink);
  bool is_closed() const { return shared_ == nullptr; }

  Table& table() { return *table_; }
  // Before a change: holds the key's copies, where there may be some.
  void Hold(const Key& key) {
    if (!table_->HasDisk()) return;
    table_->Hold(key);
    if (!keeps_copies) table_->LoseTrack();
  }
  void LoseTrack() {
    if (table_->HasDisk() && !keeps_copies) table_->LoseTrack();
  }
  bool keeps_copies = false;  // this isolate is told of its changes, and gives the holds back
  ThreadContext& context() { return context_; }
  L0Index& l0() { return l0_; }
  SharedRegion& shared() { return *shared_; }
  View* MakeView(uint32_t ns);

  void SetMailbox(napi_value array_buffer);
  // The tags of L0: room for capacity() of them at the next whole line. Returns where that is.
  size_t SetTags(napi_value array_buffer);
  void SetScratch(napi_value array_buffer);
  int32_t* words() { return words_; }
  double* numbers() { return numbers_; }
  uint8_t* scratch() { return scratch_; }
  size_t scratch_bytes() const { return scratch_bytes_; }
  void* ChunkMemory(size_t bytes) {
    if (chunk_ == nullptr) chunk_.reset(new uint64_t[(bytes + 7) / 8]);
    return chunk_.get();
  }
  std::vector<uint8_t>& buffer() { return buffer_; }  // private copies on the way to or from strings

  // Calls `callback` on the isolate's loop after leases ended somewhere. One listener per handle.
  bool Listen(napi_value callback);

  uint32_t sample = 0;  // every 64th call is timed
  static constexpr uint32_t kSampleEvery = 64;

 private:
  static void OnAsync(uv_async_t* async);
  static void OnEnvironmentEnd(napi_async_cleanup_hook_handle hook, void* self);
  void StopListening();

  struct Wakeup {  // outlives the handle until libuv has closed it
    uv_async_t async;
    TableHandle* handle;
    napi_async_cleanup_hook_handle hook = nullptr;
  };

  napi_env env_;
  std::shared_ptr<SharedRegion> shared_;
  Table* table_;
  ThreadContext context_;
  L0Index l0_;
  std::vector<std::unique_ptr<View>> views_;
  std::vector<uint8_t> buffer_;
  std::unique_ptr<uint64_t[]> chunk_;
  napi_ref mailbox_ref_ = nullptr, tags_ref_ = nullptr, scratch_ref_ = nullptr, callback_ref_ = nullptr;
  napi_async_context async_context_ = nullptr;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  Wakeup* wakeup_ = nullptr;
  int listener_id_ = 0;
  int32_t* words_ = nullptr;
  double* numbers_ = nullptr;
  uint8_t* scratch_ = nullptr;
  size_t scratch_bytes_ = 0;
};

}  // namespace strata
