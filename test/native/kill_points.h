// What a process of the kill harness does when it passes a named kill point.
#pragma once

#include <cstdint>

#include "base/atomic.h"
#include "base/kill_point.h"

namespace strata::test {

// Of the table; those of the journal go on behind them.
inline constexpr uint32_t kPoints = static_cast<uint32_t>(KillPoint::kCount);
inline constexpr uint32_t kAllPoints = static_cast<uint32_t>(KillPoint::kEnd);

const char* KillPointName(uint32_t point);

enum class Fate { kNone, kKill, kStop };

// From now on this process ends or stops itself at its `pass`-th pass of `point`, and counts that in `hits` first.
void Arm(Fate fate, uint32_t point, uint32_t pass, Atomic<uint64_t>* hits);

}  // namespace strata::test
