// cpp-httplib, driven in memory: it gets one complete, already checked request with its answer, and gives back the
// bytes of one response. It never sees a socket, so nothing a client does can make it wait.
#pragma once

#include <memory>
#include <string>

#include "server/http/http_message.h"
#include "server/http/request_head.h"

namespace server::http {

/// Safe to call from several threads at once.
class HttpEngine {
 public:
  HttpEngine();
  HttpEngine(const HttpEngine&) = delete;
  HttpEngine& operator=(const HttpEngine&) = delete;
  ~HttpEngine();

  /// `answer` as the response to `head`, compressed if the client accepts it and it is worth it.
  /// `close` says whether the connection is to end after this answer; it is set when the client or HTTP asks for that.
  std::string Render(const RequestHead& head, Response answer, bool& close);

 private:
  class Server;
  std::unique_ptr<Server> server_;
};

/// A response outside of the engine, to a request that never became one. Says that the connection ends.
std::string RenderRejection(const Response& response);

}  // namespace server::http
