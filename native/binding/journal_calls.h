// `openJournal` and the cold calls of a journal.
#pragma once

#include <napi.h>

namespace strata {

// openJournal({dir, name, bytes, lanes, letterBytes, regionId, onlyAdopts}): this isolate's use of the journal.
Napi::Value OpenJournal(const Napi::CallbackInfo& info);
// journalHosts(dir, name): the host ids of all journals of the name.
Napi::Value ListJournalHosts(const Napi::CallbackInfo& info);

}  // namespace strata
