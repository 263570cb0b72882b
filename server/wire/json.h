// The API objects in JSON, as kube-apiserver's serializer writes them: compact with a final newline, or indented
// without. Kept byte for byte in test/golden/.
//
//   {"kind":"ExternalMetricValueList","apiVersion":"external.metrics.k8s.io/v1beta1","metadata":{},"items":[
//     {"metricName":"redis_queue_length","metricLabels":{"queue":"orders"},"timestamp":"2026-11-24T00:14:32Z","value":"42"}]}
//   {"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"…","reason":"NotFound",
//     "details":{"name":"…","group":"…","kind":"…","causes":[{"reason":"…","message":"…","field":"…"}]},"code":404}
#pragma once

#include <string>

#include "server/wire/json_writer.h"
#include "server/wire/objects.h"

namespace server::wire {

std::string EncodeJson(const ExternalMetricValueList& list, JsonStyle style);
std::string EncodeJson(const Status& status, JsonStyle style);
std::string EncodeJson(const ApiGroup& group, JsonStyle style);
std::string EncodeJson(const ApiGroupList& list, JsonStyle style);
std::string EncodeJson(const ApiResourceList& list, JsonStyle style);
std::string EncodeJson(const ApiGroupDiscoveryList& list, JsonStyle style);
std::string EncodeJson(const Table& table, JsonStyle style);

}  // namespace server::wire
