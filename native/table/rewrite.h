// Writing a present value again with something about it changed: its lives, or its fleet block.
#pragma once

#include "table/read.h"

namespace strata {

// Offers each present value, doubtful ones too, to `change(hit, options)`, which says false to leave it; writes it
// again with the options, unless it changed meanwhile; then tries again. kMiss if there is none or it was left.
template <class Change>
Status Table::Rewrite(ThreadContext& t, const Key& key, bool keep_version, Change change) {
  std::unique_ptr<uint8_t[]> copy;
  TagBlock tags;
  for (;;) {
    Hit seen{};
    auto take = [&](const Hit& hit) {
      seen = hit;
      if (hit.header.tag_bytes > sizeof(tags) || hit.header.before_value() > hit.place.room) return false;
      CopyShared(&tags, hit.place.tags(hit.header), hit.header.tag_bytes);
      if (hit.header.value_bytes > kMaxValueBytes) return false;
      copy = std::make_unique<uint8_t[]>(hit.header.value_bytes + 1);
      return CopyValue(hit, copy.get());
    };
    if (Read(t, key, kReadStaleToo | kReadQuiet | kReadDoubtToo, take) != Status::kOk) return Status::kMiss;
    WriteOptions options;
    options.codec = seen.header.codec;
    options.is_negative = seen.header.is_negative;
    options.soft_ms = seen.header.soft_ms;
    options.hard_ms = seen.header.hard_ms;
    options.has_fleet = seen.header.fleet_bytes != 0;
    options.fleet = seen.fleet;
    // With the clock it has: a new life makes nothing of what its tags have lost.
    options.tags = &tags;
    options.tag_bytes = seen.header.tag_bytes;
    if (!change(static_cast<const Hit&>(seen), &options)) return Status::kMiss;
    options.condition = Condition::kLocation;
    options.expected = seen.place.location;
    options.seen_version = seen.header.version;
    options.keep_version = keep_version ? seen.header.version : 0;
    Status status = Write(t, key, copy.get(), seen.header.value_bytes, options, nullptr);
    if (status != Status::kConflict) return status;  // a conflict means that somebody else's write went through
  }
}

}  // namespace strata
