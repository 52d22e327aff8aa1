// Closed set of results of the native core. Values are shown to people through StatusName only.
#pragma once

#include <cstdint>

namespace strata {

enum class Status : uint8_t {
  kOk = 0,
  kMiss,            // no such entry, or only an unusable one
  kStale,           // found, but its soft life is over
  kDoubtful,        // found, but filled before the fleet's changes were lost sight of
  kConflict,        // the condition of a conditional write did not hold
  kNoRoom,          // no segment could be had; an older value of the key is gone
  kLeaseBusy,       // somebody else holds a live lease
  kLeaseLost,       // the lease ended before the result came
  kFlightFailed,    // the awaited flight left an error
  kTooLarge,        // value above the limit
  kBadKey,          // key empty or above the limit
  kNamespaceLimit,  // no room for another namespace name
  kThreadLimit,     // all thread slots are taken
  kBadOptions,      // sizes that give no usable region
  kDirectoryUnsafe, // directory is not ours, not private, or not a directory
  kRegionForeign,   // file of another owner, kind, mode or link count
  kRegionTorn,      // file that was never completed, or whose fields contradict each other
  kRegionLayout,    // file of another layout
  kRegionBoot,      // file of an earlier boot: its clock means nothing now
  kNoSpace,         // the file system cannot hold the region
  kSystem,          // a system call failed; errno is reported beside it
};

inline const char* StatusName(Status status) {
  switch (status) {
    case Status::kOk: return "OK";
    case Status::kMiss: return "MISS";
    case Status::kStale: return "STALE";
    case Status::kDoubtful: return "DOUBTFUL";
    case Status::kConflict: return "CONFLICT";
    case Status::kNoRoom: return "NO_ROOM";
    case Status::kLeaseBusy: return "LEASE_BUSY";
    case Status::kLeaseLost: return "LEASE_LOST";
    case Status::kFlightFailed: return "FLIGHT_FAILED";
    case Status::kTooLarge: return "VALUE_TOO_LARGE";
    case Status::kBadKey: return "KEY";
    case Status::kNamespaceLimit: return "NAMESPACE_LIMIT";
    case Status::kThreadLimit: return "THREAD_LIMIT";
    case Status::kBadOptions: return "OPTIONS";
    case Status::kDirectoryUnsafe: return "DIRECTORY_UNSAFE";
    case Status::kRegionForeign: return "REGION_FOREIGN";
    case Status::kRegionTorn: return "REGION_TORN";
    case Status::kRegionLayout: return "REGION_LAYOUT";
    case Status::kRegionBoot: return "REGION_BOOT";
    case Status::kNoSpace: return "NO_SPACE";
    case Status::kSystem: return "SYSTEM";
  }
  return "UNKNOWN";
}

}  // namespace strata
