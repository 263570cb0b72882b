#include "server/api/request_info.h"

#include <sstream>
#include <string>

#include "test/support/catch.h"
#include "test/support/http_request.h"

namespace server::api {
namespace {

using test::MakeRequest;

/// "verb group/version ns resource/subresource name", or "verb path" for what is no resource.
std::string Described(const std::string& method, const std::string& target) {
  const http::Request request = MakeRequest(method, target);
  const RequestInfo info = ParseRequestInfo(request);
  std::ostringstream text;
  text << info.verb << ' ';
  if (info.is_resource_request) {
    text << info.group << '/' << info.version << " [" << info.ns << "] " << info.resource << '/' << info.subresource
         << " [" << info.name << ']';
  } else {
    text << info.path;
  }
  return text.str();
}

TEST_CASE("a request is described as kube-apiserver's authorization sees it", "[api]") {
  struct Case {
    std::string method;
    std::string target;
    std::string described;
  };
  const auto example = GENERATE(values<Case>({
      {"GET", "/", "get /"},
      {"GET", "/apis", "get /apis"},
      {"GET", "/apis/g", "get /apis/g"},
      {"GET", "/apis/g/v1", "get /apis/g/v1"},
      {"GET", "/apis/g/v1/", "get /apis/g/v1/"},
      {"POST", "/apis/g/v1", "post /apis/g/v1"},
      {"GET", "/openapi/v3/apis/g/v1", "get /openapi/v3/apis/g/v1"},
      {"OPTIONS", "/metrics", "options /metrics"},
      {"GET", "/a%20b", "get /a b"},
      {"GET", "/apis/g/v1/namespaces/shop/jobs", "list g/v1 [shop] jobs/ []"},
      {"GET", "/apis/g/v1/namespaces/shop/jobs/", "list g/v1 [shop] jobs/ []"},
      {"HEAD", "/apis/g/v1/namespaces/shop/jobs", "list g/v1 [shop] jobs/ []"},
      {"GET", "/apis/g/v1/namespaces/shop/jobs?watch", "watch g/v1 [shop] jobs/ []"},
      {"GET", "/apis/g/v1/namespaces/shop/jobs?watch=False", "list g/v1 [shop] jobs/ []"},
      {"GET", "/apis/g/v1/namespaces/shop/jobs?watch=0", "list g/v1 [shop] jobs/ []"},
      {"GET", "/apis/g/v1/namespaces/shop/jobs?fieldSelector=metadata.name%3Dx", "list g/v1 [shop] jobs/ [x]"},
      {"GET", "/apis/g/v1/namespaces/shop/jobs?fieldSelector=metadata.name!%3Dx", "list g/v1 [shop] jobs/ []"},
      {"GET", "/apis/g/v1/namespaces/shop/jobs?fieldSelector=metadata.name%3D..", "list g/v1 [shop] jobs/ []"},
      {"GET", "/apis/g/v1/namespaces/shop/jobs?fieldSelector=junk", "list g/v1 [shop] jobs/ []"},
      {"POST", "/apis/g/v1/namespaces/shop/jobs", "create g/v1 [shop] jobs/ []"},
      {"DELETE", "/apis/g/v1/namespaces/shop/jobs", "deletecollection g/v1 [shop] jobs/ []"},
      {"DELETE", "/apis/g/v1/namespaces/shop/jobs/x", "delete g/v1 [shop] jobs/ [x]"},
      {"PUT", "/apis/g/v1/namespaces/shop/jobs/x", "update g/v1 [shop] jobs/ [x]"},
      {"PATCH", "/apis/g/v1/namespaces/shop/jobs/x/scale", "patch g/v1 [shop] jobs/scale [x]"},
      {"OPTIONS", "/apis/g/v1/namespaces/shop/jobs", " g/v1 [shop] jobs/ []"},
      {"GET", "/apis/g/v1/namespaces/shop/jobs/x", "get g/v1 [shop] jobs/ [x]"},
      {"GET", "/apis/g/v1/jobs", "list g/v1 [] jobs/ []"},
      {"GET", "/apis/g/v1/namespaces", "list g/v1 [] namespaces/ []"},
      {"GET", "/apis/g/v1/namespaces/shop", "get g/v1 [shop] namespaces/ [shop]"},
      {"GET", "/apis/g/v1/namespaces/shop/status", "get g/v1 [shop] namespaces/status [shop]"},
      {"GET", "/apis/g/v1/namespaces/shop/finalize", "get g/v1 [shop] namespaces/finalize [shop]"},
      {"GET", "/apis/g/v1/watch/namespaces/shop/jobs", "watch g/v1 [shop] jobs/ []"},
      {"GET", "/apis/g/v1/watch", "list g/v1 [] watch/ []"},
      {"GET", "/apis/g/v1/proxy/jobs/x/y", "proxy g/v1 [] jobs/ [x]"},
      {"GET", "/api/v1/namespaces/shop/pods", "list /v1 [shop] pods/ []"},
      {"GET", "//apis/g/v1/jobs", "list g/v1 [] jobs/ []"},
      {"GET", "/apis/g/v1//jobs", "get g/v1 [] / [jobs]"},
  }));
  INFO(example.method << " " << example.target);
  CHECK(Described(example.method, example.target) == example.described);
}

}  // namespace
}  // namespace server::api
