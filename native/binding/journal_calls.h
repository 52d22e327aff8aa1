// `openJournal` and the cold calls of a journal.
#pragma once

#include <napi.h>

namespace strata {

// openJournal({dir, name, bytes, lanes, letterBytes}): this isolate's use of the journal.
Napi::Value OpenJournal(const Napi::CallbackInfo& info);

}  // namespace strata
