// What a request asks for, in the terms of Kubernetes' authorization: the attributes that telemetry counts and that a
// SubjectAccessReview is about. The rules are those of k8s.io/apiserver/pkg/endpoints/request.
#pragma once

#include <string>
#include <string_view>

#include "server/http/http_message.h"

namespace server::api {

/// What it views is the request's.
struct RequestInfo {
  bool is_resource_request = false;
  /// For a resource: get, list, watch, create, update, patch, delete, deletecollection, or empty for a method that is
  /// none of HTTP's usual ones. For any other path: the method in lower case.
  std::string verb;
  /// The decoded path.
  std::string_view path;

  // Of a resource; empty where the path does not say.
  std::string_view group;
  std::string_view version;
  std::string_view ns;
  std::string_view resource;
  std::string_view subresource;
  std::string name;
};

/// A GET of a metric is a "list", since it names no object.
RequestInfo ParseRequestInfo(const http::Request& request);
RequestInfo ParseRequestInfo(http::Request&& request) = delete;

}  // namespace server::api
