// What is on its way to Redis, for those who miss it in the table.
#pragma once

#include <string>

#include "journal/journal.h"

namespace strata {

struct PendingFound {
  uint64_t mark = 0;
  JournalOp op = JournalOp::kSet;
  uint8_t codec = 0;
  uint8_t condition = 0;
  uint64_t soft_at = 0, hard_at = 0, host_version = 0, source_version = 0;
  uint32_t ns_epoch = 0;
  std::string value;
};

// The newest unsettled record of the key over all lanes, as its owner has committed it. Reads only; any thread.
bool FindPending(const Journal& journal, std::string_view ns, std::string_view key, PendingFound* out);

enum class InTheWay : uint8_t { kNothing = 0, kWrite = 1, kClear = 2 };

// What keeps a reader from storing, or believing, what Redis has of the key: a clear of its namespace or of one above that
// is not settled, or a write of the key whose owner has not said yet whether the table has it. Reads only; any thread.
InTheWay FindInTheWay(const Journal& journal, std::string_view ns, std::string_view key);

// What came after a write that was given up, and that the table had at `host_version` and has no more: the mark of such a
// write that is not settled, 0 for one that is; false if there is none, so the table has lost the value by itself. Only
// writes without any condition count: of others Redis decides whether they replace anything. One that another owner has not
// committed yet counts, since it may be what took the value out of the table.
bool FindHeir(const Journal& journal, std::string_view ns, std::string_view key, Mark given_up, uint64_t host_version, uint64_t* heir);

}  // namespace strata
