// An HTTPS load on one path of 127.0.0.1, or on several in turn: each connection has a thread that sends its next
// request when the answer to the last has come, and with --rate not before its time, from which it is then measured.
// Handshakes are over before the clock starts. Prints one JSON object: requests, errors (answers other than 200 and
// lost connections), requests per second, and latency percentiles in microseconds.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::uint16_t port = 0;
  std::string ca_file;
  std::string client_certificate;
  std::string client_key;
  std::string path = "/livez";
  std::string paths_file;                                           // One a line, instead of `path`.
  std::string accept = "application/vnd.kubernetes.protobuf, */*";  // As the HPA asks.
  std::vector<std::string> headers;                                 // Further ones, "Name: value".
  unsigned connections = 8;
  double rate = 0;  // Requests a second over all connections; 0: as many as there are answers.
  double seconds = 5;
};

std::string RequestHead(const Options& options, const std::string& path) {
  std::string head = "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nAccept: " + options.accept +
                     "\r\nAccept-Encoding: gzip\r\nUser-Agent: load-generator\r\n";
  for (const std::string& header : options.headers) {
    head += header + "\r\n";
  }
  return head + "\r\n";
}

std::vector<std::string> RequestHeads(const Options& options) {
  if (options.paths_file.empty()) {
    return {RequestHead(options, options.path)};
  }
  std::vector<std::string> heads;
  std::ifstream file(options.paths_file);
  for (std::string path; std::getline(file, path);) {
    heads.push_back(RequestHead(options, path));
  }
  if (heads.empty()) {
    throw std::runtime_error("no paths in " + options.paths_file);
  }
  return heads;
}

class Client {
 public:
  /// Begins with the request `first`.
  Client(SSL_CTX* context, const Options& options, const std::vector<std::string>& requests, std::size_t first)
      : requests_(requests), next_(first) {
    fd_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(options.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
      throw std::runtime_error("cannot connect");
    }
    session_.reset(SSL_new(context));
    SSL_set_fd(session_.get(), fd_);
    if (SSL_connect(session_.get()) != 1) {
      throw std::runtime_error("TLS handshake failed");
    }
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() {
    session_.reset();
    close(fd_);
  }

  /// Whether the answer was 200.
  bool RoundTrip() {
    const std::string& request = requests_[next_++ % requests_.size()];
    if (SSL_write(session_.get(), request.data(), static_cast<int>(request.size())) <= 0) {
      throw std::runtime_error("connection lost");
    }
    answer_.clear();
    std::size_t end = 0;
    while (end == 0 || answer_.size() < end) {
      std::array<char, 16 * 1024> buffer;
      const int count = SSL_read(session_.get(), buffer.data(), static_cast<int>(buffer.size()));
      if (count <= 0) {
        throw std::runtime_error("connection lost");
      }
      answer_.append(buffer.data(), static_cast<std::size_t>(count));
      if (const std::size_t blank = answer_.find("\r\n\r\n"); end == 0 && blank != std::string::npos) {
        const std::size_t length = answer_.find("Content-Length: ");
        if (length > blank) {
          throw std::runtime_error("answer without Content-Length");
        }
        end = blank + 4 + std::stoul(answer_.substr(length + 16));
      }
    }
    return answer_.starts_with("HTTP/1.1 200");
  }

 private:
  struct FreeSession {
    void operator()(SSL* session) const { SSL_free(session); }
  };
  const std::vector<std::string>& requests_;
  std::size_t next_;
  int fd_ = -1;
  std::unique_ptr<SSL, FreeSession> session_;
  std::string answer_;
};

}  // namespace

int main(int argc, char** argv) try {
  Options options;
  CLI::App app("HTTPS load on 127.0.0.1");
  app.add_option("--port", options.port)->required();
  app.add_option("--cacert", options.ca_file)->required();
  app.add_option("--cert", options.client_certificate);
  app.add_option("--key", options.client_key);
  app.add_option("--path", options.path);
  app.add_option("--paths-file", options.paths_file);
  app.add_option("--rate", options.rate);
  app.add_option("--accept", options.accept);
  app.add_option("--header", options.headers);
  app.add_option("--connections", options.connections);
  app.add_option("--seconds", options.seconds);
  CLI11_PARSE(app, argc, argv);

  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
  SSL_CTX_load_verify_locations(context.get(), options.ca_file.c_str(), nullptr);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  if (!options.client_certificate.empty()) {
    SSL_CTX_use_certificate_chain_file(context.get(), options.client_certificate.c_str());
    SSL_CTX_use_PrivateKey_file(context.get(), options.client_key.c_str(), SSL_FILETYPE_PEM);
  }

  const std::vector<std::string> requests = RequestHeads(options);
  std::vector<std::unique_ptr<Client>> clients;
  for (unsigned i = 0; i < options.connections; ++i) {
    clients.push_back(
        std::make_unique<Client>(context.get(), options, requests, i * requests.size() / options.connections));
  }
  std::vector<std::vector<double>> latencies(options.connections);
  std::atomic<std::size_t> errors = 0;
  const auto begin = Clock::now();
  const auto end = begin + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options.seconds));
  {
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < options.connections; ++i) {
      threads.emplace_back([&, i, &client = *clients[i], &mine = latencies[i]] {
        const auto wait_for_turn = [&] {
          if (options.rate == 0) {
            return Clock::now();
          }
          const double turn = static_cast<double>(mine.size() * options.connections + i) / options.rate;
          const auto due = begin + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(turn));
          std::this_thread::sleep_until(due);
          return due;
        };
        try {
          for (auto sent = wait_for_turn(); sent < end; sent = wait_for_turn()) {
            errors += client.RoundTrip() ? 0 : 1;
            mine.push_back(std::chrono::duration<double, std::micro>(Clock::now() - sent).count());
          }
        } catch (const std::exception& error) {
          ++errors;
          std::fprintf(stderr, "%s\n", error.what());
        }
      });
    }
  }
  std::vector<double> all;
  for (const auto& mine : latencies) {
    all.insert(all.end(), mine.begin(), mine.end());
  }
  std::sort(all.begin(), all.end());
  const auto percentile = [&](double p) {
    return all.empty() ? 0.0 : all[static_cast<std::size_t>(p * static_cast<double>(all.size() - 1))];
  };
  const double elapsed = std::chrono::duration<double>(Clock::now() - begin).count();
  std::printf(
      R"({"requests":%zu,"errors":%zu,"per_second":%.0f,"p50_us":%.1f,"p90_us":%.1f,"p99_us":%.1f,"max_us":%.1f})"
      "\n",
      all.size(), errors.load(), static_cast<double>(all.size()) / elapsed, percentile(0.5), percentile(0.9),
      percentile(0.99), percentile(1));
  return errors == 0 ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
