// One thread's load on the table: a window of gets or sets on Zipf distributed keys, timed as a whole.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "table/read.h"

namespace strata::bench {

enum class Call { kGet, kSet, kMixed };  // kMixed: one set in ten

struct Load {
  Call call = Call::kGet;
  uint32_t value_bytes = 64;
  uint32_t entries = 100000;
  uint32_t key_space = 100000;  // beyond `entries`, keys have to evict each other
  bool sets_on_miss = false;   // as a cache in front of something slower is used
};

struct Tally {
  double nanoseconds = 0;
  uint64_t calls = 0, misses = 0, torn = 0, refused = 0;
};

// The keys in the order they are asked for; made once, read by all.
class Keys {
 public:
  Keys(uint32_t count, uint64_t seed);
  static std::string NameOf(uint32_t id);
  const std::string& Next(uint64_t at) const { return names_[order_[at & (order_.size() - 1)]]; }
  const std::string& NameAt(uint32_t id) const { return names_[id]; }

 private:
  std::vector<std::string> names_;
  std::vector<uint32_t> order_;
};

// A value carries the same stamp at both ends.
void Stamp(std::string* value, uint64_t stamp);

class Worker {
 public:
  Worker(Table& table, const Keys& keys, const Load& load, uint32_t index);
  ~Worker() { table_.Unregister(context_); }
  bool is_registered() const { return is_registered_; }
  Tally Run(uint32_t window_ms);

 private:
  void Get(const std::string& name, Tally* tally);
  void Set(const std::string& name, Tally* tally);

  Table& table_;
  const Keys& keys_;
  const Load load_;
  ThreadContext context_;
  bool is_registered_;
  std::string value_;
  std::vector<uint8_t> copy_;
  uint64_t at_;
};

// Sets every entry once. Returns how many found no room.
uint32_t Fill(Table& table, const Keys& keys, const Load& load);

}  // namespace strata::bench
