// The API objects in application/vnd.kubernetes.protobuf, byte for byte as Go's generated code writes them: fields in
// number order, and those that are not pointers in Go written even when they are empty.
//
//   "k8s\0" Unknown{ typeMeta=1{ apiVersion=1, kind=2 }, raw=2, contentEncoding=3, contentType=4 }
//   ExternalMetricValueList{ metadata=1, items=2 }
//   ExternalMetricValue{ metricName=1, metricLabels=2, timestamp=3{ seconds=1, nanos=2 }, value=5{ string=1 } }
//   Status{ metadata=1, status=2, message=3, reason=4, details=5, code=6 }
//   StatusDetails{ name=1, group=2, kind=3, causes=4{ reason=1, message=2, field=3 }, retryAfterSeconds=5, uid=6 }
//
// test/golden/ holds the bytes.
#pragma once

#include <string>

#include "server/wire/objects.h"

namespace server::wire {

std::string EncodeProtobuf(const ExternalMetricValueList& list);
std::string EncodeProtobuf(const Status& status);
std::string EncodeProtobuf(const ApiGroup& group);
std::string EncodeProtobuf(const ApiGroupList& list);
std::string EncodeProtobuf(const ApiResourceList& list);
std::string EncodeProtobuf(const ApiGroupDiscoveryList& list);

}  // namespace server::wire
