#include "server/api/health.h"

#include <set>
#include <utility>

#include "metrics/go_quote.h"

namespace server::api {
namespace {

constexpr std::string_view kPlainText = "text/plain; charset=utf-8";

http::Response PlainText(int status, std::string body) {
  return {status, std::string(kPlainText), std::move(body), {{"X-Content-Type-Options", "nosniff"}}};
}

std::set<std::string_view> ExcludedNames(const http::Request& request) {
  std::set<std::string_view> names;
  for (const auto& [name, value] : request.query) {
    if (name == "exclude") {
      names.insert(value);
    }
  }
  return names;
}

}  // namespace

http::Response ReportHealth(std::string_view endpoint, std::span<const HealthCheck> checks,
                            const http::Request& request) {
  const std::set<std::string_view> excluded = ExcludedNames(request);
  std::set<std::string_view> unknown = excluded;
  std::string report;
  bool healthy = true;
  for (const HealthCheck& check : checks) {
    if (excluded.contains(check.name)) {
      unknown.erase(check.name);
      report += "[+]" + check.name + " excluded: ok\n";
    } else if (check.problem()) {
      healthy = healthy && !check.required;
      report += "[-]" + check.name + " failed: reason withheld" + (check.required ? "\n" : " (not required)\n");
    } else {
      report += "[+]" + check.name + " ok\n";
    }
  }
  std::string_view separator = "warn: some health checks cannot be excluded: no matches for ";
  for (const std::string_view name : unknown) {
    report += separator;
    report += metrics::GoQuote(name);
    separator = ",";
  }
  if (!unknown.empty()) {
    report += '\n';
  }
  report += endpoint;
  if (!healthy) {
    return PlainText(500, report + " check failed\n");
  }
  return PlainText(200, request.QueryValue("verbose") ? report + " check passed\n" : "ok");
}

http::Response ReportCheck(const HealthCheck& check) {
  if (const auto problem = check.problem()) {
    return PlainText(500, "internal server error: " + *problem + "\n");
  }
  return {200, std::string(kPlainText), "ok", {}};
}

}  // namespace server::api
