// A region in a private directory of its own, and short words for what tests do with it.
#pragma once

#include <unistd.h>

#include <memory>
#include <string>

#include "table/read.h"
#include "test/native/check.h"

namespace strata::test {

// A new directory under /dev/shm, removed with everything in it when the fixture ends.
class Directory {
 public:
  Directory() {
    char path[] = "/dev/shm/stratatest-XXXXXX";
    path_ = mkdtemp(path);
  }
  ~Directory();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline std::unique_ptr<Table> OpenTable(const std::string& dir, RegionOptions options = {}, const char* name = "t") {
  RegionError error;
  std::string warnings;
  Region* region = Region::Open(dir, name, options, &error, &warnings);
  if (region == nullptr) {
    Fail(__FILE__, __LINE__, std::string(StatusName(error.status)) + ": " + error.detail);
    return nullptr;
  }
  return std::make_unique<Table>(region);
}

// One thread's use of a table.
class Session {
 public:
  explicit Session(Table& table) : table_(table) {
    if (table.Register(context_) != Status::kOk) Fail(__FILE__, __LINE__, "no thread slot");
  }
  ~Session() { table_.Unregister(context_); }

  Key MakeKey(const std::string& key, uint32_t ns = 0) const {
    return table_.MakeKey(ns, reinterpret_cast<const uint8_t*>(key.data()), static_cast<uint32_t>(key.size()));
  }
  Status Set(const std::string& key, const std::string& value, WriteOptions options = {}, uint64_t* version = nullptr,
             uint32_t ns = 0) {
    return table_.Write(context_, MakeKey(key, ns), reinterpret_cast<const uint8_t*>(value.data()),
                        static_cast<uint32_t>(value.size()), options, version);
  }
  Status Get(const std::string& key, std::string* value, uint32_t flags = kReadFresh, uint32_t ns = 0,
             HeaderCopy* header = nullptr) {
    return table_.Read(context_, MakeKey(key, ns), flags, [&](const Hit& hit) {
      if (hit.header.value_bytes > kMaxValueBytes) return false;
      if (header != nullptr) *header = hit.header;
      value->resize(hit.header.value_bytes);
      return table_.CopyValue(hit, reinterpret_cast<uint8_t*>(value->data()));
    });
  }
  Status Delete(const std::string& key, uint32_t ns = 0) { return table_.Delete(context_, MakeKey(key, ns)); }
  Status Acquire(const std::string& key, uint64_t* token, uint64_t lease_ms = 10000, bool force = false,
                 uint64_t awaited = 0, std::string* error = nullptr, uint32_t ns = 0) {
    bool fresh;
    std::string ignored;
    return table_.Acquire(context_, MakeKey(key, ns), lease_ms, force, awaited, token, &fresh,
                          error != nullptr ? error : &ignored);
  }
  Status Publish(const std::string& key, uint64_t token, const std::string& value, uint32_t ns = 0) {
    WriteOptions options;
    options.lease_token = token;
    return Set(key, value, options, nullptr, ns);
  }
  Status SetFleet(const std::string& key, const std::string& value, uint64_t word, WriteOptions options = {}) {
    options.has_fleet = true;
    options.fleet = {word, table_.Doubt(), 0};
    return Set(key, value, options);
  }
  Invalidated Invalidate(const std::string& key, uint64_t version, uint64_t settled_mark = 0) {
    return table_.Invalidate(context_, MakeKey(key), version, [&](uint64_t mark) { return mark == settled_mark; });
  }
  Status Revalidated(const std::string& key, uint64_t version, const Lives* lives = nullptr) {
    return table_.Revalidated(context_, MakeKey(key), version, table_.Doubt(), lives);
  }
  // The fleet block of the entry, doubtful or not; kMiss also for an entry without one.
  Status Fleet(const std::string& key, FleetBlock* block, bool* is_doubtful = nullptr) {
    bool has_block = false, doubtful = false;
    Status status = table_.Read(context_, MakeKey(key), kReadStaleToo | kReadDoubtToo | kReadQuiet, [&](const Hit& hit) {
      has_block = hit.header.fleet_bytes != 0;
      if (has_block) *block = hit.fleet;
      doubtful = has_block && hit.is_doubtful;
      return true;
    });
    if (is_doubtful != nullptr) *is_doubtful = doubtful;
    return status == Status::kOk && !has_block ? Status::kMiss : status;
  }
  ThreadContext& context() { return context_; }
  Table& table() { return table_; }

 private:
  Table& table_;
  ThreadContext context_;
};

// Fails the test with every violation and every leak the audit finds.
inline void CheckAudit(Table& table, ThreadContext& context) {
  AuditReport report = table.Audit(context);
  for (const std::string& violation : report.violations) Fail(__FILE__, __LINE__, violation);
  CHECK_EQ(report.owned_by_dead, 0);
  CHECK_EQ(report.leaked_run_segments, 0);
  CHECK_EQ(report.pending_intents, 0);
}

}  // namespace strata::test
