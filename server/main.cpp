// The only file that knows every part: it puts them together and ends them in order.
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <new>
#include <stdexcept>
#include <thread>

#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include "metrics/queue_metric.h"
#include "metrics/queue_metric_provider.h"
#include "server/access_event_log.h"
#include "server/api/api_server.h"
#include "server/api/request_info.h"
#include "server/audit_log.h"
#include "server/auth/access_control.h"
#include "server/auth/delegated_access.h"
#include "server/build_info.h"
#include "server/check.h"
#include "server/configuration.h"
#include "server/http/https_server.h"
#include "server/kube/kube_client.h"
#include "server/log.h"
#include "server/options.h"
#include "server/redis_event_log.h"
#include "server/serving_certificate.h"
#include "server/telemetry.h"
#include "server/wire/json.h"
#include "server/zero/zero_service.h"
#include "server/zero_report.h"

namespace server {
namespace {

/// The client of kube-apiserver, and in which namespace our own objects are.
struct Cluster {
  std::shared_ptr<kube::Api> api;  // Null if nobody asks it.
  std::string own_namespace;
};

kube::ClusterConfig FindCluster(const ServeOptions& options) {
  if (!options.kubeconfig.empty()) {
    return kube::ReadKubeconfig(options.kubeconfig);
  }
  auto config = kube::InClusterConfig(std::getenv("KUBERNETES_SERVICE_HOST"), std::getenv("KUBERNETES_SERVICE_PORT"));
  if (!config) {
    throw std::runtime_error("KUBERNETES_SERVICE_HOST or KUBERNETES_SERVICE_PORT is empty");
  }
  return *std::move(config);
}

Cluster ConnectToCluster(const ServeOptions& options) {
  if (options.auth != AuthMode::kDelegated && !options.tls_self_managed && !options.wake) {
    return {};
  }
  kube::ClusterConfig config = FindCluster(options);
  std::string own_namespace = options.tls_secret_namespace;
  if ((options.tls_self_managed || options.wake) && own_namespace.empty()) {
    own_namespace = config.own_namespace.Read();
    if (own_namespace.empty()) {
      throw std::runtime_error(
          "the kubeconfig's context names no namespace: set one there (or --tls-secret-namespace)");
    }
  }
  const std::string user_agent = "queue-metrics-server/" + std::string(kVersion);
  return {std::make_shared<kube::KubeClient>(std::move(config), user_agent), std::move(own_namespace)};
}

/// Who is let in, and what of that may not be ready yet.
struct Access {
  std::unique_ptr<auth::AccessControl> control;
  std::vector<api::HealthCheck> readyz;
};

Access MakeAccess(const ServeOptions& options, std::shared_ptr<kube::Api> api, AccessEventLog& events) {
  switch (options.auth) {
    case AuthMode::kNone:
      return {std::make_unique<auth::OpenAccess>(), {}};
    case AuthMode::kClientCertificate:
      return {std::make_unique<auth::ClientCertificateAccess>(), {}};
    case AuthMode::kDelegated:
      break;
  }
  auth::DelegatedAccessOptions delegated;
  delegated.events = [&events](const auth::AccessEvent& event) { events.OnEvent(event); };
  auto control = std::make_unique<auth::DelegatedAccess>(std::move(api), std::move(delegated));
  const auto problem = [access = control.get()] { return access->NotReady(); };
  return {std::move(control), {{"authentication-configuration", problem}}};
}

/// What is not a request is answered like one that went wrong.
http::Response Rejection(int status, std::string_view message) {
  const wire::Status body{status, status == 400 ? "BadRequest" : "", std::string(message), std::nullopt};
  return {status, "application/json", wire::EncodeJson(body, wire::JsonStyle::kCompact), {}};
}

api::VersionInfo Version() {
  return {.major = "0",
          .minor = "1",
          .git_version = std::string(kVersion),
          .git_commit = std::string(kGitCommit),
          .git_tree_state = "",
          .build_date = "",
          .language = "C++20",
          .compiler = std::string(kCompiler),
          .platform = std::string(kPlatform)};
}

/// SIGTERM and SIGINT, taken by the main thread alone.
sigset_t BlockTerminationSignals() {
  signal(SIGPIPE, SIG_IGN);  // A client that went away is an error of that connection.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

std::optional<std::string> ShutdownProblem(bool shutting_down) {
  return shutting_down ? std::optional<std::string>("the server is shutting down") : std::nullopt;
}

/// Each Redis that is down, and why.
std::optional<std::string> RedisProblem(const metrics::QueueMetricProvider& provider) {
  const auto sources = provider.Sources();
  std::string problems;
  for (const auto& [name, status] : sources) {
    if (!status.up) {
      problems += (problems.empty() ? "" : "; ") + (sources.size() > 1 ? name + ": " : std::string()) + status.cause;
    }
  }
  return problems.empty() ? std::nullopt : std::optional(problems);
}

void ReportFailure(const http::Request& request, std::string_view cause) {
  Log(LogLevel::kError, "cannot answer a request", {{"path", request.path}, {"cause", cause}});
}

/// A closed set: the metrics on offer, "other", and nothing for what is not a metric.
std::string_view MetricLabel(const api::RequestInfo& info) {
  if (!info.is_resource_request) {
    return "";
  }
  const auto known = metrics::FindQueueMetric(info.resource);
  return known ? metrics::Name(*known) : "other";
}

std::string HostForUrl(const std::string& address) {
  return address.find(':') == std::string::npos ? address : "[" + address + "]";
}

/// The first signal that arrives before `wait` is over or `done` is set; 0 when none does.
int AwaitSignal(const sigset_t& signals, std::chrono::milliseconds wait, const std::atomic<bool>& done) {
  const auto end = std::chrono::steady_clock::now() + wait;
  while (!done && std::chrono::steady_clock::now() < end) {
    constexpr timespec kPoll{.tv_sec = 0, .tv_nsec = 50'000'000};
    const int signal = sigtimedwait(&signals, nullptr, &kPoll);
    if (signal > 0) {
      return signal;
    }
  }
  return 0;
}

[[noreturn]] void EndNow(int signal) {
  Log(LogLevel::kWarning, "second signal: ending now");
  _exit(128 + signal);
}

/// Waits for a signal, then takes the server down in order. A second signal ends the process.
void ShutDownOnSignal(const sigset_t& signals, std::chrono::milliseconds delay, std::atomic<bool>& shutting_down,
                      http::HttpsServer& server, const std::atomic<bool>& done) {
  int signal = 0;
  sigwait(&signals, &signal);
  shutting_down = true;
  server.AnnounceShutdown();
  // Somebody at a terminal does not wait for a cluster to notice.
  const auto wait = signal == SIGINT ? std::chrono::milliseconds(0) : delay;
  Log(LogLevel::kInfo, "shutting down", {{"delay_ms", std::to_string(wait.count())}});
  if (const int second = AwaitSignal(signals, wait, done); second != 0) {
    EndNow(second);
  }
  server.Drain();
  if (const int second = AwaitSignal(signals, std::chrono::hours(1), done); second != 0) {
    EndNow(second);
  }
}

int Serve(const ServeOptions& options) {
  const sigset_t signals = BlockTerminationSignals();
  // One arena for all threads but one would be a few hundred KiB each for buffers that live a request long.
  mallopt(M_ARENA_MAX, 2);
  ConfigureLog(options.log_format, options.log_level);

  const Cluster cluster = ConnectToCluster(options);
  Telemetry telemetry(kVersion);
  ServingCertificate certificate(options, cluster.api, cluster.own_namespace, telemetry);
  RedisEventLog redis_events(telemetry);
  metrics::redis::EventLoop redis_loop;
  std::optional<metrics::QueueMetricProvider> provider;
  provider.emplace(redis_loop, redis_events,
                   [&options](const metrics::SourceConfig& source) { return SourceOptionsOf(options, source); });
  std::optional<Configuration> configuration(std::in_place, options, *provider, telemetry);

  ZeroReport zero_report;
  std::atomic<bool> shutting_down = false;
  AccessEventLog access_events;
  Access access = MakeAccess(options, cluster.api, access_events);
  std::vector<api::HealthCheck> readyz{{"ping", [] { return std::nullopt; }},
                                       {"shutdown", [&shutting_down] { return ShutdownProblem(shutting_down); }},
                                       {"redis", [&provider] { return RedisProblem(*provider); }, false}};
  for (const auto& checks : {configuration->Readyz(), certificate.Readyz(), access.readyz}) {
    readyz.insert(readyz.end(), checks.begin(), checks.end());
  }
  const api::ApiServer api({
      .provider = *provider,
      .access = *access.control,
      .livez = {{"ping", [] { return std::nullopt; }}},
      .readyz = std::move(readyz),
      .render_metrics = [&] { return telemetry.Render() + (options.wake ? zero_report.Render() : ""); },
      .version = Version(),
      .report_failure = &ReportFailure,
  });
  const auto handle = [&](const http::Request& request, http::Respond respond) {
    const auto begin = std::chrono::steady_clock::now();
    api.Handle(request, [&telemetry, &request, begin, respond = std::move(respond)](http::Response response,
                                                                                    const auth::Verdict& verdict) {
      try {
        const auto info = api::ParseRequestInfo(request);
        telemetry.OnRequest(info.verb, MetricLabel(info), response.status, std::chrono::steady_clock::now() - begin);
        AuditAnswer(request, info, verdict, response);
      } catch (const std::bad_alloc&) {  // Nobody is left without an answer because there is no memory to count it.
      }
      respond(std::move(response));
    });
  };
  http::HttpsServer server(options.listener, certificate.initial(), handle, Rejection, telemetry);
  server.AlsoWaitFor(redis_loop.fd(), [&redis_loop] { redis_loop.RunReady(); });
  certificate.Follow(server);
  std::optional<zero::ZeroService> zero_service;
  if (options.wake) {
    zero::ZeroQueues queues{.metrics = provider->List(),
                            .read = zero::ReadFrom(*provider),
                            .read_holders = zero::ReadHoldersFrom(*provider)};
    zero_service.emplace(cluster.api, cluster.own_namespace, std::move(queues), zero_report);
  }
  std::cout << "listening on https://" << HostForUrl(options.listener.bind_address) << ":" << server.port()
            << std::endl;

  std::atomic<bool> done = false;
  std::jthread serving([&] {
    server.Serve();
    done = true;
  });
  Log(LogLevel::kInfo, "serving",
      {{"address", options.listener.bind_address}, {"port", std::to_string(server.port())}});
  ShutDownOnSignal(signals, options.shutdown_delay, shutting_down, server, done);
  serving.join();
  certificate.Unfollow();  // It calls the server.
  zero_service.reset();
  // What requests still wait for ends here, while all that their answers need is there.
  access.control.reset();
  configuration.reset();
  provider.reset();
  Log(LogLevel::kInfo, "stopped");
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace server

int main(int argc, char** argv) try {
  const auto parsed = server::ParseCommandLine(argc, argv);
  if (const auto* exit = std::get_if<server::Exit>(&parsed)) {
    (exit->code == EXIT_SUCCESS ? std::cout : std::cerr) << exit->output;
    return exit->code;
  }
  if (const auto* check = std::get_if<server::CheckOptions>(&parsed)) {
    return server::Check(*check, std::cout) ? EXIT_SUCCESS : EXIT_FAILURE;
  }
  return server::Serve(std::get<server::ServeOptions>(parsed));
} catch (const server::ConfigurationError& error) {
  std::cerr << error.what() << std::endl;
  return EXIT_FAILURE;
} catch (const std::exception& error) {
  server::Log(server::LogLevel::kError, "cannot start", {{"cause", error.what()}});
  return EXIT_FAILURE;
}
