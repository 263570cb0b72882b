// What a request asks for, in the terms of Kubernetes' authorization: the attributes that telemetry counts and that a
// SubjectAccessReview is about. The rules are those of k8s.io/apiserver/pkg/endpoints/request.
#pragma once

#include <string>

#include "server/http/http_message.h"

namespace server::api {

struct RequestInfo {
  bool is_resource_request = false;
  /// For a resource: get, list, watch, create, update, patch, delete, deletecollection, or empty for a method that is
  /// none of HTTP's usual ones. For any other path: the method in lower case.
  std::string verb;
  /// The decoded path.
  std::string path;

  // Of a resource; empty where the path does not say.
  std::string group;
  std::string version;
  std::string ns;
  std::string resource;
  std::string subresource;
  std::string name;
};

/// A GET of a metric is a "list", since it names no object.
RequestInfo ParseRequestInfo(const http::Request& request);

}  // namespace server::api
