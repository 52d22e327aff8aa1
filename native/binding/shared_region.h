// One mapping, one table and one service per region and process, however many isolates and package copies open it.
#pragma once

#include <memory>
#include <string>

#include "service/service.h"

namespace strata {

class SharedRegion {
 public:
  // The process's instance for the region of that name; opens, attaches or creates. nullptr with `error` filled.
  static std::shared_ptr<SharedRegion> Open(const std::string& dir, const std::string& name,
                                            const RegionOptions& options, RegionError* error, std::string* warnings);
  // The process's instance for the region with that id, also where its name is gone; nullptr if no isolate has it open.
  static std::shared_ptr<SharedRegion> Find(uint64_t region_id);
  Table& table() { return table_; }
  uint64_t id() const { return id_; }
  Service& service() { return service_; }

 private:
  explicit SharedRegion(Region* region) : id_(region->header().region_id), table_(region), service_(&table_) {}

  const uint64_t id_;
  Table table_;
  Service service_;  // after the table: its threads end before the mapping goes
};

}  // namespace strata
