// The layout as data, for docs/memory-layout.md: what the compiler made of shm/layout.h.
#pragma once

#include <napi.h>

namespace strata {

// Array of {struct, bytes, fields: [{name, offset, bytes}]}.
Napi::Value DescribeLayout(const Napi::CallbackInfo& info);

// The same of journal/layout.h, for docs/journal.md: {layout, structs}.
Napi::Value DescribeJournal(const Napi::CallbackInfo& info);

}  // namespace strata
