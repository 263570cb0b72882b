#include "server/http/http_engine.h"

#include <cstring>
#include <ctime>
#include <unordered_map>
#include <utility>

#include <httplib.h>

#include "server/http/gzip.h"
#include "server/http/http_date.h"

namespace server::http {
namespace {

/// An answer on its way through cpp-httplib, whose handlers are given its own Request only; so they find it through the
/// thread that serves it.
thread_local const Response* current_answer = nullptr;

class MemoryStream final : public httplib::Stream {
 public:
  explicit MemoryStream(std::string_view input) : input_(input) {}

  bool is_readable() const override { return !input_.empty(); }
  bool is_writable() const override { return true; }

  ssize_t read(char* data, std::size_t size) override {
    const std::size_t count = std::min(size, input_.size());
    std::memcpy(data, input_.data(), count);
    input_.remove_prefix(count);
    return static_cast<ssize_t>(count);
  }

  ssize_t write(const char* data, std::size_t size) override {
    output_.append(data, size);
    return static_cast<ssize_t>(size);
  }

  void get_remote_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
  void get_local_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
  socket_t socket() const override { return INVALID_SOCKET; }

  std::string TakeOutput() { return std::move(output_); }

 private:
  std::string_view input_;
  std::string output_;
};

/// Now, formatted once a second.
const std::string& HttpDate() {
  thread_local std::time_t formatted_for = 0;
  thread_local std::string date;
  if (const std::time_t now = std::time(nullptr); now != formatted_for) {
    date = FormatHttpDate(std::chrono::system_clock::from_time_t(now));
    formatted_for = now;
  }
  return date;
}

/// What the library has to decide on, and nothing that the client can make up: it would refuse a line that it finds too
/// long, percent-decode header values, cut answers to a Range, compress each small answer, read bodies and refuse
/// methods it has not heard of. Whether the connection ends is known, and told it apart. HEAD is like GET to it, which
/// RFC 9110 9.3.2 asks of the header lines; of its own accord it adds one about ranges.
std::string ReducedHead(const RequestHead& head) { return "GET / " + head.version + "\r\n\r\n"; }

/// What the library is given for a body.
std::string_view StandIn(const Response& answer) { return answer.body.empty() ? "" : "."; }

/// The header lines that are not about framing, which go past the library. Compresses the body if that is worth it.
void AppendOwnHeaderLines(const RequestHead& head, Response& answer, std::string& lines) {
  const auto append = [&lines](std::string_view name, std::string_view value) {
    lines.append(name).append(": ").append(value).append("\r\n");
  };
  append("Date", HttpDate());
  for (const auto& [name, value] : answer.headers) {
    append(name, value);
  }
  if (answer.body.size() >= kGzipThreshold) {
    append("Vary", "Accept-Encoding");
    if (AcceptsGzip(head.request.Header("Accept-Encoding").value_or(""))) {
      answer.body = Gzip(answer.body);
      append("Content-Encoding", "gzip");
    }
  }
}

/// A response head as the library made it, without what differs among answers that it treats alike.
struct FramedHead {
  std::string status_line;
  std::string before_length;
  std::string after_length;
  bool close = false;
};

FramedHead Cut(std::string_view response, const Response& answer, bool close) {
  const std::string length = "Content-Length: " + std::to_string(StandIn(answer).size());
  const std::size_t fields = response.find("\r\n") + 2;
  const std::size_t rest = response.find(length + "\r\n", fields) + length.size();
  const std::size_t end = response.find("\r\n\r\n", rest) + 4;
  if (answer.status == 304) {  // It must not tell the length of what it does not send, RFC 9110 8.6.
    return {std::string(response.substr(0, fields)),
            std::string(response.substr(fields, rest - length.size() - fields)),
            std::string(response.substr(rest + 2, end - rest - 2)), close};
  }
  return {std::string(response.substr(0, fields)), std::string(response.substr(fields, rest - 1 - fields)),
          std::string(response.substr(rest, end - rest)), close};
}

}  // namespace

class HttpEngine::Server final : public httplib::Server {
 public:
  Server() {
    set_pre_routing_handler([](const httplib::Request&, httplib::Response& response) {
      FillIn(*current_answer, response);
      return HandlerResponse::Handled;
    });
    // Connections are the listener's; these only shape the Keep-Alive header, which must not promise too little.
    set_keep_alive_max_count(1'000'000);
    set_keep_alive_timeout(kKeepAliveSeconds);
  }

  /// A template, so that the call is chosen by what the installed version offers: 0.18 also wants both addresses.
  template <typename Stream>
  bool Process(Stream& stream, bool close, bool& connection_closed) {
    if constexpr (requires { this->process_request(stream, "", 0, "", 0, close, connection_closed, nullptr); }) {
      return this->process_request(stream, "", 0, "", 0, close, connection_closed, nullptr);
    } else {
      return this->process_request(stream, close, connection_closed, nullptr);
    }
  }

 private:
  static constexpr time_t kKeepAliveSeconds = 90;

  static void FillIn(const Response& answer, httplib::Response& response) {
    response.status = answer.status;
    if (!answer.content_type.empty()) {
      response.set_header("Content-Type", answer.content_type);
    }
    response.body = StandIn(answer);
  }
};

HttpEngine::HttpEngine() : server_(std::make_unique<Server>()) {
  // The library fills tables of its own at its first request. That is done here, by one thread: ThreadSanitizer does
  // not see the locks of a library it was not compiled into.
  RequestHead head;
  head.request.method = "GET";
  head.version = "HTTP/1.1";
  bool close = false;
  Render(head, {}, close);
}

HttpEngine::~HttpEngine() = default;

std::string HttpEngine::Render(const RequestHead& head, Response answer, bool& close) {
  close = close || head.close;
  // The library sorts each header line into a map and prints it through a two-kilobyte buffer, which is a third of what
  // an answer costs; so each thread remembers the heads that it got, of which there are as many as kinds of answers.
  constexpr std::size_t kUsualHead = 512;
  thread_local std::unordered_map<std::string, FramedHead> remembered;
  thread_local std::string key;
  key = std::to_string(answer.status) + (close ? 'c' : 'k');
  key.append(StandIn(answer)).append(head.version).append(answer.content_type);
  auto framed = remembered.find(key);
  if (framed == remembered.end()) {
    current_answer = &answer;
    bool connection_closed = false;
    const std::string reduced = ReducedHead(head);
    MemoryStream stream(reduced);
    const bool processed = server_->Process(stream, close, connection_closed);
    const FramedHead made = Cut(stream.TakeOutput(), answer, close || connection_closed || !processed);
    framed = remembered.emplace(key, made).first;
  }
  const auto& [status_line, before_length, after_length, closes] = framed->second;
  close = closes;
  std::string response;
  response.reserve(kUsualHead + answer.body.size());
  response += status_line;
  AppendOwnHeaderLines(head, answer, response);
  response.append(before_length);
  if (answer.status != 304) {
    response.append(std::to_string(answer.body.size()));
  }
  response.append(after_length);
  if (head.request.method != "HEAD") {
    response.append(answer.body);
  }
  return response;
}

std::string RenderRejection(const Response& response) {
  return "HTTP/1.1 " + std::to_string(response.status) + " Rejected\r\nDate: " + HttpDate() +
         "\r\nContent-Type: " + response.content_type + "\r\nContent-Length: " + std::to_string(response.body.size()) +
         "\r\nConnection: close\r\n\r\n" + response.body;
}

}  // namespace server::http
