#include "server/serving_certificate.h"

#include <fstream>
#include <iostream>
#include <stdexcept>
#include <utility>

#include "server/http/self_signed_certificate.h"
#include "server/log.h"
#include "server/read_file.h"

namespace server {
namespace {

void WriteCa(const std::string& path, const std::string& pem) {
  if (path == "-") {
    std::cout << pem << std::flush;
    return;
  }
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << pem << std::flush;
  if (!file) {
    throw std::runtime_error("cannot write --tls-ca-out-file=\"" + path +
                             "\": " + std::generic_category().message(errno));
  }
}

/// For when no certificate is given, or is not there yet.
http::TlsMaterial MakeCertificate(const ServeOptions& options) {
  constexpr std::chrono::hours kLifetime{24 * 365};
  auto made = http::MakeSelfSignedCertificate(options.tls_self_signed_hosts, kLifetime);
  if (!options.tls_ca_out_file.empty()) {
    WriteCa(options.tls_ca_out_file, made.ca_certificate);
  }
  if (!options.tls_self_managed) {
    Log(LogLevel::kInfo, "made a serving certificate, since no --tls-cert-file is given");
  }
  return {.certificate_chain = std::move(made.certificate_chain),
          .private_key = std::move(made.private_key),
          .client_ca = {},
          .source = "the self-made certificate"};
}

/// `material` with what comes from files as the files are now.
http::TlsMaterial WithFiles(const ServeOptions& options, http::TlsMaterial material) {
  if (!options.tls_cert_file.empty()) {
    material.certificate_chain = ReadFile(options.tls_cert_file);
    material.private_key = ReadFile(options.tls_private_key_file);
    material.source = options.tls_cert_file;
  }
  if (!options.client_ca_file.empty()) {
    material.client_ca = ReadFile(options.client_ca_file);
    if (material.client_ca.empty()) {
      throw std::runtime_error(options.client_ca_file + " is empty, which would let nobody in");
    }
  }
  return material;
}

http::TlsMaterial FirstMaterial(const ServeOptions& options) {
  http::TlsMaterial material =
      WithFiles(options, options.tls_cert_file.empty() ? MakeCertificate(options) : http::TlsMaterial{});
  material.ask_for_client_certificate = options.auth == AuthMode::kDelegated;
  return material;
}

bool HasExpired(const http::TlsContext& context) { return context.not_after() <= std::chrono::system_clock::now(); }

std::string_view Sentence(certificates::CertificateEvent event) {
  using certificates::CertificateEvent;
  switch (event) {
    case CertificateEvent::kNewAuthority:
      return "made a new CA and put it into the shared Secret";
    case CertificateEvent::kNewCertificate:
      return "made a new serving certificate and put it into the shared Secret";
    case CertificateEvent::kInUse:
      return "taking the serving certificate of the shared Secret into use";
    case CertificateEvent::kTrustChanged:
      break;
  }
  return "wrote the CAs to trust into the APIService's caBundle";
}

}  // namespace

ServingCertificate::ServingCertificate(const ServeOptions& options, std::shared_ptr<kube::Api> api,
                                       const std::string& own_namespace, Telemetry& telemetry)
    : options_(options),
      telemetry_(telemetry),
      first_(FirstMaterial(options)),
      initial_(std::make_shared<const http::TlsContext>(first_)) {
  OnUse(*initial_);
  if (HasExpired(*initial_)) {
    Log(LogLevel::kError, "the serving certificate has expired", {{"source", first_.source}});
  }
  if (!options.tls_self_managed) {
    return;
  }
  certificates::CertificateKeeper::Options keeping;
  keeping.secret = {own_namespace, options.tls_secret_name};
  keeping.api_service = "v1beta1.external.metrics.k8s.io";
  keeping.policy = {options.tls_self_signed_hosts, options.tls_certificate_lifetime};
  keeping.events = [](certificates::CertificateEvent event) { Log(LogLevel::kInfo, Sentence(event)); };
  self_managed_.emplace(std::move(api), std::move(keeping), [&telemetry](std::string_view cause) {
    telemetry.OnSharedCertificateProblem();
    Log(LogLevel::kWarning, "cannot keep the shared certificate and the APIService's caBundle in order",
        {{"cause", cause}});
  });
}

void ServingCertificate::Follow(http::HttpsServer& server) {
  reloader_.emplace(
      first_,
      http::TlsReloader::Hooks{
          .load = [this] { return Load(); },
          .use =
              [this, &server](const std::shared_ptr<const http::TlsContext>& renewed) {
                if (HasExpired(*renewed)) {
                  throw std::runtime_error("the new certificate has expired");
                }
                server.UseTls(renewed);
                OnUse(*renewed);
                Log(LogLevel::kInfo, "certificates reloaded");
              },
          .report =
              [this](std::string_view problem) {
                telemetry_.OnCertificateProblem();
                Log(LogLevel::kError, "cannot use the new certificates, keeping the old ones", {{"cause", problem}});
              },
      });
}

http::TlsMaterial ServingCertificate::Load() const {
  http::TlsMaterial material = WithFiles(options_, first_);
  if (const auto shared = self_managed_ ? self_managed_->Current() : std::nullopt) {
    material.certificate_chain = shared->certificate;
    material.private_key = shared->private_key;
    material.source = "the shared certificate";
  }
  return material;
}

std::vector<api::HealthCheck> ServingCertificate::Readyz() const {
  std::vector<api::HealthCheck> checks{{"certificate", [this] { return Problem(); }, false}};
  if (self_managed_) {
    checks.push_back({"shared-certificate", [this] { return NotReady(); }});
    checks.push_back({"certificate-rotation", [this] { return self_managed_->Problem(); }, false});
  }
  return checks;
}

void ServingCertificate::OnUse(const http::TlsContext& context) {
  not_after_ = context.not_after();
  telemetry_.OnCertificate(context.not_after());
}

std::optional<std::string> ServingCertificate::Problem() const {
  if (auto problem = reloader_->Problem()) {
    return problem;
  }
  const bool expired = not_after_.load() <= std::chrono::system_clock::now();
  return expired ? std::optional<std::string>("the one in use has expired") : std::nullopt;
}

std::optional<std::string> ServingCertificate::NotReady() const {
  if (!reloader_->Uses(first_.certificate_chain)) {
    return std::nullopt;
  }
  return "there is none yet: " + self_managed_->Problem().value_or("it is being taken into use");
}

}  // namespace server
