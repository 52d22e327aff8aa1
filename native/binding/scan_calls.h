// Walking a table from JavaScript.
#pragma once

#include <napi.h>

#include "binding/table_handle.h"

namespace strata {

// scan and namespaceNames, as functions of `table`.
void AddScanCalls(Napi::Env env, Napi::Object table, TableHandle* handle);

}  // namespace strata
