// The journal of a life of the cache whose region is gone: its records go on in the journal of the next one.
#pragma once

#include "journal/journal.h"

namespace strata {

// What has been done to a journal that is being adopted, for whoever goes on after a death.
enum class AdoptionStep : uint32_t {
  kNone = 0,
  kJudged = 1,  // what clears have ended is marked; epochs may be those of the next life already
};

// Some record is neither settled nor cancelled.
bool HasOpenRecords(const Journal& journal);

// Makes the records those of `home`. For who has kLockAttached alone: whoever attaches sees it behind that lock.
//
// Which writes a clear ended is known from the clears that are in the journal yet: a write stands if it has counted as many
// clears as they had.
void AdoptJournal(const Journal& journal, const JournalHome& home);

}  // namespace strata
