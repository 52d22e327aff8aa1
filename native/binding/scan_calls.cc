#include "binding/scan_calls.h"

namespace strata {
namespace {

TableHandle* OpenHandle(const Napi::CallbackInfo& info) {
  auto* handle = static_cast<TableHandle*>(info.Data());
  return handle->is_closed() ? nullptr : handle;
}

// scan(from, count): namespace, key, bytes and heat of each fresh value in `count` buckets from bucket `from` on, one after
// the other in one array; undefined when there is no such bucket.
Napi::Value ScanTable(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  TableHandle* handle = OpenHandle(info);
  const uint32_t from = info[0].As<Napi::Number>().Uint32Value();
  if (handle == nullptr || from >= handle->table().geometry().bucket_count) return env.Undefined();
  Napi::Array found = Napi::Array::New(env);
  uint32_t n = 0;
  handle->table().Walk(handle->context(), from, info[1].As<Napi::Number>().Uint32Value(), [&](const Scanned& value) {
    napi_value key;
    napi_create_string_utf8(env, reinterpret_cast<const char*>(value.key), value.key_bytes, &key);
    found[n++] = Napi::Number::New(env, value.ns);
    found[n++] = Napi::Value(env, key);
    found[n++] = Napi::Number::New(env, static_cast<double>(value.key_bytes) + value.value_bytes);
    found[n++] = Napi::Number::New(env, value.heat);
  });
  return found;
}

// namespaceNames(): parent and name of each namespace, from number 1 on, in one array.
Napi::Value NamespaceNames(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Array names = Napi::Array::New(env);
  TableHandle* handle = OpenHandle(info);
  std::string name;
  uint32_t parent;
  uint32_t n = 0;
  for (uint32_t id = 1; handle != nullptr && handle->table().NamespaceName(id, &name, &parent); id++) {
    names[n++] = Napi::Number::New(env, parent);
    names[n++] = Napi::String::New(env, name);
  }
  return names;
}

}  // namespace

void AddScanCalls(Napi::Env env, Napi::Object table, TableHandle* handle) {
  table.Set("scan", Napi::Function::New(env, ScanTable, "scan", handle));
  table.Set("namespaceNames", Napi::Function::New(env, NamespaceNames, "namespaceNames", handle));
}

}  // namespace strata
