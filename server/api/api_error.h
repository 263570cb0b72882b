// A request that cannot be answered with what it asks for: thrown where that is found out, sent by ApiServer.
#pragma once

#include <exception>
#include <utility>

#include "server/wire/objects.h"

namespace server::api {

class ApiError : public std::exception {
 public:
  explicit ApiError(wire::Status status) : status_(std::move(status)) {}

  const wire::Status& status() const noexcept { return status_; }
  const char* what() const noexcept override { return status_.message.c_str(); }

 private:
  wire::Status status_;
};

}  // namespace server::api
