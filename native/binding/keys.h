// Reading a key out of a JavaScript string: UTF-8 into a stack buffer, well-formed and within the limit.
//
// A string whose UTF-8 is as long as the string itself is ASCII; asking for that length and copying one byte per
// character takes half the time of the engine's UTF-8 writer.
#pragma once

#include <node_api.h>

#include "shm/layout.h"

namespace strata {

struct KeyBuffer {
  uint8_t bytes[kMaxKeyBytes + 16];
  uint32_t size = 0;
};

// UTF-8 of a string with a lone surrogate shows U+FFFD; only then is the string itself looked at.
inline bool MayHideSurrogate(const uint8_t* bytes, size_t size) {
  for (size_t i = 0; i + 3 <= size; i++) {
    if (bytes[i] == 0xef && bytes[i + 1] == 0xbf && bytes[i + 2] == 0xbd) return true;
  }
  return false;
}

inline bool IsWellFormed(const char16_t* units, size_t size) {
  for (size_t i = 0; i < size; i++) {
    if (units[i] < 0xd800 || units[i] > 0xdfff) continue;
    if (units[i] > 0xdbff || i + 1 == size || units[i + 1] < 0xdc00 || units[i + 1] > 0xdfff) return false;
    i++;
  }
  return true;
}

// False if the value is no string, empty, ill-formed, or longer than the limit.
inline bool ReadKey(napi_env env, napi_value value, KeyBuffer* key) {
  auto* bytes = reinterpret_cast<char*>(key->bytes);
  size_t length, size;
  if (napi_get_value_string_latin1(env, value, bytes, sizeof(key->bytes), &length) != napi_ok) return false;
  napi_get_value_string_utf8(env, value, nullptr, 0, &size);
  if (size == 0 || size > kMaxKeyBytes) return false;
  key->size = static_cast<uint32_t>(size);
  if (size == length) return true;
  napi_get_value_string_utf8(env, value, bytes, sizeof(key->bytes), &size);
  if (!MayHideSurrogate(key->bytes, size)) return true;
  char16_t units[kMaxKeyBytes + 1];
  napi_get_value_string_utf16(env, value, units, kMaxKeyBytes + 1, &length);
  return IsWellFormed(units, length);
}

}  // namespace strata
