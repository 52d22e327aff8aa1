// The table's rules over a std::map: what each operation must answer and leave behind.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/status.h"

namespace strata::test {

struct ModelValue {
  bool is_there = false;
  std::string bytes;
  uint64_t version = 0, soft = 0, hard = 0;
  uint32_t epoch = 0;
};

struct ModelLease {
  bool is_there = false;
  bool is_error = false;
  std::string error;
  uint64_t token = 0, granted_over = 0, hard = 0;
  uint32_t epoch = 0;
  uint32_t session = 0, session_life = 0;
};

struct ModelKey {
  ModelValue value;
  ModelLease lease;
  uint64_t highest = 0;  // version ever seen
};

// `now` and `epoch` are those of the moment the operation runs.
struct Moment {
  uint64_t now;
  uint32_t epoch;
};

inline bool Usable(const ModelValue& v, Moment m) {
  return v.is_there && v.epoch == m.epoch && (v.hard == 0 || m.now < v.hard);
}
inline bool Fresh(const ModelValue& v, Moment m) { return Usable(v, m) && (v.soft == 0 || m.now < v.soft); }

inline bool Unchanged(const ModelKey& k) {
  return k.value.is_there ? k.value.version == k.lease.granted_over : k.lease.granted_over == 0;
}

inline bool Live(const ModelKey& k, Moment m, const uint32_t* session_lives) {
  const ModelLease& l = k.lease;
  return l.is_there && !l.is_error && l.epoch == m.epoch && m.now < l.hard && Unchanged(k) &&
         session_lives[l.session] == l.session_life;
}

// What a read answers.
inline Status Read(const ModelKey& k, Moment m, bool stale_too) {
  if (!Usable(k.value, m)) return Status::kMiss;
  return Fresh(k.value, m) || stale_too ? Status::kOk : Status::kStale;
}

inline void Put(ModelKey& k, Moment m, const std::string& bytes, uint64_t version, uint64_t soft, uint64_t hard) {
  k.value = {true, bytes, version, soft, hard, m.epoch};
  k.lease.is_there = false;
}

inline void RemoveAll(ModelKey& k) {
  k.value.is_there = false;
  k.lease.is_there = false;
}

inline bool MayPublish(const ModelKey& k, Moment m, uint64_t token) {
  return k.lease.is_there && !k.lease.is_error && k.lease.token == token && k.lease.epoch == m.epoch && Unchanged(k);
}

// A lease goes into the slot of the former lease, else into that of an unusable value, which is gone then.
inline void Grant(ModelKey& k, Moment m, ModelLease lease) {
  const bool usable = Usable(k.value, m);
  lease.granted_over = k.value.is_there && (usable || k.lease.is_there) ? k.value.version : 0;
  if (!k.lease.is_there && k.value.is_there && !usable) k.value.is_there = false;
  k.lease = lease;
}

}  // namespace strata::test
